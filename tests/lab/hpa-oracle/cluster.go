package main

import (
	"context"
	"sync/atomic"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	typedautoscaling "k8s.io/client-go/kubernetes/typed/autoscaling/v2"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	autoscalinglisters "k8s.io/client-go/listers/autoscaling/v2"
	corelisters "k8s.io/client-go/listers/core/v1"
	scaleclient "k8s.io/client-go/scale"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
)

// A cluster is as much of an API server as the controller talks to: one autoscaler and one scale. An interface that is
// embedded has the methods that the controller does not call.
type cluster struct {
	readings atomic.Pointer[readings]
	hpas     hpaInformer
	pods     podInformer
	handler  cache.ResourceEventHandler
	scale    autoscalingv1.Scale
	version  int
	looks    int // how often the scale was read: once a pass
}

func newCluster() *cluster {
	c := &cluster{}
	c.hpas = hpaInformer{informer{indexer: newIndexer(), cluster: c}}
	c.pods = podInformer{informer{indexer: newIndexer(), cluster: c}}
	c.scale = autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "checkout"}}
	return c
}

type informer struct {
	cache.SharedIndexInformer
	indexer cache.Indexer
	cluster *cluster
}

func (i *informer) HasSynced() bool           { return true }
func (i *informer) GetStore() cache.Store     { return i.indexer }
func (i *informer) GetIndexer() cache.Indexer { return i.indexer }
func (i *informer) AddEventHandlerWithResyncPeriod(handler cache.ResourceEventHandler, _ time.Duration) (cache.ResourceEventHandlerRegistration, error) {
	i.cluster.handler = handler
	return nil, nil
}

type hpaInformer struct{ informer }

func (i *hpaInformer) Informer() cache.SharedIndexInformer { return &i.informer }
func (i *hpaInformer) Lister() autoscalinglisters.HorizontalPodAutoscalerLister {
	return autoscalinglisters.NewHorizontalPodAutoscalerLister(i.indexer)
}

type podInformer struct{ informer }

func (i *podInformer) Informer() cache.SharedIndexInformer { return &i.informer }
func (i *podInformer) Lister() corelisters.PodLister       { return corelisters.NewPodLister(i.indexer) }

type hpaClient struct {
	typedautoscaling.HorizontalPodAutoscalerInterface
	cluster *cluster
}

func (c *cluster) HorizontalPodAutoscalers(string) typedautoscaling.HorizontalPodAutoscalerInterface {
	return hpaClient{cluster: c}
}

func (h hpaClient) UpdateStatus(_ context.Context, hpa *autoscaling.HorizontalPodAutoscaler, _ metav1.UpdateOptions) (*autoscaling.HorizontalPodAutoscaler, error) {
	stored := h.cluster.hpa().DeepCopy()
	stored.Status = *hpa.Status.DeepCopy()
	h.cluster.store(stored)
	return stored, nil
}

type scaleClient struct {
	scaleclient.ScaleInterface
	cluster *cluster
}

func (c *cluster) Scales(string) scaleclient.ScaleInterface { return scaleClient{cluster: c} }

func (s scaleClient) Get(context.Context, schema.GroupResource, string, metav1.GetOptions) (*autoscalingv1.Scale, error) {
	s.cluster.looks++
	return s.cluster.scale.DeepCopy(), nil
}

func (s scaleClient) Update(_ context.Context, _ schema.GroupResource, scale *autoscalingv1.Scale, _ metav1.UpdateOptions) (*autoscalingv1.Scale, error) {
	s.cluster.scale.Spec = scale.Spec
	return scale, nil
}

type events struct{ typedcore.EventInterface }

func (c *cluster) Events(string) typedcore.EventInterface { return events{} }

func (events) CreateWithEventNamespace(event *v1.Event) (*v1.Event, error) {
	return event, nil
}

func (events) UpdateWithEventNamespace(event *v1.Event) (*v1.Event, error) {
	return event, nil
}

func (events) PatchWithEventNamespace(event *v1.Event, _ []byte) (*v1.Event, error) {
	return event, nil
}

// The metrics client: the readings of the step.

func (c *cluster) GetResourceMetric(ctx context.Context, resource v1.ResourceName, in string, pods labels.Selector, container string) (metrics.PodMetricsInfo, time.Time, error) {
	return c.readings.Load().GetResourceMetric(ctx, resource, in, pods, container)
}

func (c *cluster) GetRawMetric(name, in string, pods, selector labels.Selector) (metrics.PodMetricsInfo, time.Time, error) {
	return c.readings.Load().GetRawMetric(name, in, pods, selector)
}

func (c *cluster) GetObjectMetric(name, in string, object *autoscaling.CrossVersionObjectReference, selector labels.Selector) (int64, time.Time, error) {
	return c.readings.Load().GetObjectMetric(name, in, object, selector)
}

func (c *cluster) GetExternalMetric(name, in string, selector labels.Selector) ([]int64, time.Time, error) {
	return c.readings.Load().GetExternalMetric(name, in, selector)
}
