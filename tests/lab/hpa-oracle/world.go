package main

import (
	"context"
	"fmt"
	"time"

	autoscaling "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
)

const namespace = "shop"

var app = map[string]string{"app": "checkout"}

type requests struct{ CPU, Memory *int64 }

type pod struct {
	Name    string
	Phase   v1.PodPhase
	Deleted bool
	Started *int64
	Ready   *struct {
		Status v1.ConditionStatus
		Since  int64
	}
	Containers []struct {
		Name     string
		Sidecar  bool
		Requests requests
	}
	Requests *requests
}

// A sample is its value, when it was taken and the window before that.
type sample [3]int64

type samples map[string]sample

// readings is what the metrics APIs answer; what is absent is an error.
type readings struct {
	start     time.Time
	Pods      []pod
	Resource  map[string]samples // by the resource and "/" and the container
	PodMetric map[string]samples
	Object    map[string]int64
	External  map[string][]int64
}

func (r *readings) time(ms int64) time.Time { return r.start.Add(time.Duration(ms) * time.Millisecond) }

func (r requests) list() v1.ResourceList {
	list := v1.ResourceList{}
	for name, value := range map[v1.ResourceName]*int64{v1.ResourceCPU: r.CPU, v1.ResourceMemory: r.Memory} {
		if value != nil {
			list[name] = *resource.NewMilliQuantity(*value, resource.DecimalSI)
		}
	}
	return list
}

func (r *readings) pod(from pod) *v1.Pod {
	always := v1.ContainerRestartPolicyAlways
	to := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: from.Name, Labels: app},
		Status:     v1.PodStatus{Phase: from.Phase},
	}
	if from.Deleted {
		to.DeletionTimestamp = &metav1.Time{Time: r.start}
	}
	if from.Started != nil {
		to.Status.StartTime = &metav1.Time{Time: r.time(*from.Started)}
	}
	if from.Ready != nil {
		since := metav1.Time{Time: r.time(from.Ready.Since)}
		to.Status.Conditions = []v1.PodCondition{{Type: v1.PodReady, Status: from.Ready.Status, LastTransitionTime: since}}
	}
	for _, container := range from.Containers {
		one := v1.Container{Name: container.Name, Resources: v1.ResourceRequirements{Requests: container.Requests.list()}}
		if container.Sidecar {
			one.RestartPolicy = &always
			to.Spec.InitContainers = append(to.Spec.InitContainers, one)
		} else {
			to.Spec.Containers = append(to.Spec.Containers, one)
		}
	}
	if from.Requests != nil {
		to.Spec.Resources = &v1.ResourceRequirements{Requests: from.Requests.list()}
	}
	return to
}

func newIndexer() cache.Indexer {
	return cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
}

// fill makes the indexer hold the pods, and only them.
func (r *readings) fill(indexer cache.Indexer) error {
	all := make([]any, len(r.Pods))
	for i, one := range r.Pods {
		all[i] = r.pod(one)
	}
	return indexer.Replace(all, "")
}

func (r *readings) info(all samples, found bool, what string) (metrics.PodMetricsInfo, time.Time, error) {
	if !found {
		return nil, time.Time{}, fmt.Errorf("no metrics of %s", what)
	}
	info := metrics.PodMetricsInfo{}
	for name, s := range all {
		info[name] = metrics.PodMetric{Value: s[0], Timestamp: r.time(s[1]), Window: time.Duration(s[2]) * time.Millisecond}
	}
	return info, r.start, nil
}

// identity is how a metric is called here: its name, with its selector if it has one.
func identity(name string, selector labels.Selector) string {
	// A selector that is not there finds nothing or everything, and says "" of itself either way.
	if text := selector.String(); text != "" {
		return name + "{" + text + "}"
	}
	return name
}

func (r *readings) GetResourceMetric(_ context.Context, resource v1.ResourceName, _ string, _ labels.Selector, container string) (metrics.PodMetricsInfo, time.Time, error) {
	key := string(resource) + "/" + container
	all, found := r.Resource[key]
	return r.info(all, found, key)
}

func (r *readings) GetRawMetric(name string, _ string, _ labels.Selector, selector labels.Selector) (metrics.PodMetricsInfo, time.Time, error) {
	key := identity(name, selector)
	all, found := r.PodMetric[key]
	return r.info(all, found, key)
}

func (r *readings) GetObjectMetric(name string, _ string, object *autoscaling.CrossVersionObjectReference, selector labels.Selector) (int64, time.Time, error) {
	key := object.Kind + "/" + object.Name + ":" + identity(name, selector)
	value, found := r.Object[key]
	if !found {
		return 0, time.Time{}, fmt.Errorf("no metric %s", key)
	}
	return value, r.start, nil
}

func (r *readings) GetExternalMetric(name string, _ string, selector labels.Selector) ([]int64, time.Time, error) {
	key := identity(name, selector)
	values, found := r.External[key]
	if !found {
		return nil, time.Time{}, fmt.Errorf("no metric %s", key)
	}
	return values, r.start, nil
}
