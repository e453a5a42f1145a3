package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	defaults "k8s.io/kubernetes/pkg/apis/autoscaling/v2"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
)

// A sequence drives one autoscaler. "natural" leaves it to the controller's own period when it looks: every step is then
// 15 s; otherwise a step is when it is, as after a change of the specification.
type sequence struct {
	Natural  bool
	Settings settings
	Steps    []step
}

type step struct {
	readings
	After    int64                                    // milliseconds since the step before
	Spec     *autoscaling.HorizontalPodAutoscalerSpec // a change of it, as a user writes it
	Replicas *int32                                   // somebody else writes the scale
	Status   int32                                    // the replicas of the scale's status
	Restart  bool                                     // of the controller
}

type current struct {
	Utilization *int32 `json:"utilization"`
	Value       int64  `json:"value"`
}

type state struct {
	Replicas   int32                `json:"replicas"`
	Error      bool                 `json:"error"`
	Metrics    []*current           `json:"metrics"`
	Conditions map[string][2]string `json:"conditions"`
}

const period = 15 * time.Second

func control(t *testing.T, line []byte) (any, error) {
	var s sequence
	if err := json.Unmarshal(line, &s); err != nil {
		return nil, err
	}
	c := newCluster()
	start := time.Now()
	// A controller that is told when to look never looks of its own: its period is a year.
	every := 365 * 24 * time.Hour
	if s.Natural {
		every = period
	}
	stop := func() {}
	defer func() { stop() }()
	states := make([]state, 0, len(s.Steps))
	for i := range s.Steps {
		one := &s.Steps[i]
		one.start = start
		if i > 0 {
			// A moment before the controller's own: what it reads has changed by then.
			time.Sleep(ms(one.After) - time.Millisecond)
		}
		fresh := i == 0 || one.Restart
		if fresh {
			stop()
			stop = func() {}
		}
		c.readings.Store(&one.readings)
		if err := c.change(one); err != nil {
			return nil, err
		}
		looks, errors := c.looks, reported.Load()
		if i > 0 {
			time.Sleep(time.Millisecond)
		}
		switch {
		case fresh:
			stop = c.run(t.Context(), every, s.Settings)
		case !s.Natural:
			c.handler.OnAdd(c.hpa(), false)
		}
		synctest.Wait()
		if c.looks != looks+1 {
			return nil, fmt.Errorf("step %d: the controller has looked %d times", i, c.looks-looks)
		}
		states = append(states, c.state(reported.Load() != errors))
	}
	return map[string]any{"states": states}, nil
}

// change writes what a step changes, as the API server would.
func (c *cluster) change(one *step) error {
	if one.Spec != nil {
		hpa := c.hpa().DeepCopy()
		// As it comes from the API server: quantities in their canonical form.
		canonical, err := json.Marshal(one.Spec)
		if err != nil {
			return err
		}
		hpa.Spec = autoscaling.HorizontalPodAutoscalerSpec{}
		if err := json.Unmarshal(canonical, &hpa.Spec); err != nil {
			return err
		}
		hpa.Generation++
		defaults.SetObjectDefaults_HorizontalPodAutoscaler(hpa)
		c.store(hpa)
	}
	if one.Replicas != nil {
		c.scale.Spec.Replicas = *one.Replicas
	}
	c.scale.Status = autoscalingv1.ScaleStatus{Replicas: one.Status, Selector: labels.SelectorFromSet(app).String()}
	return one.fill(c.pods.indexer)
}

// run starts a controller; what it returns ends it.
func (c *cluster) run(parent context.Context, every time.Duration, s settings) func() {
	ctx, cancel := context.WithCancel(parent)
	apps := schema.GroupVersion{Group: "apps", Version: "v1"}
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{apps})
	mapper.Add(apps.WithKind("Deployment"), meta.RESTScopeNamespace)
	controller := podautoscaler.NewHorizontalController(ctx, c, c, c, mapper, c, &c.hpas, &c.pods,
		every, ms(s.Downscale), s.Tolerance, ms(s.Init), ms(s.Delay))
	done := make(chan struct{})
	go func() {
		controller.Run(ctx, 1)
		close(done)
	}()
	c.handler.OnAdd(c.hpa(), true)
	return func() {
		cancel()
		<-done
		synctest.Wait()
	}
}

func (c *cluster) state(failed bool) state {
	status := c.hpa().Status
	s := state{Replicas: c.scale.Spec.Replicas, Error: failed, Metrics: []*current{}, Conditions: map[string][2]string{}}
	for _, metric := range status.CurrentMetrics {
		s.Metrics = append(s.Metrics, currentOf(metric))
	}
	for _, condition := range status.Conditions {
		s.Conditions[string(condition.Type)] = [2]string{string(condition.Status), condition.Reason}
	}
	return s
}

func currentOf(metric autoscaling.MetricStatus) *current {
	var value autoscaling.MetricValueStatus
	switch {
	case metric.Resource != nil:
		value = metric.Resource.Current
	case metric.ContainerResource != nil:
		value = metric.ContainerResource.Current
	case metric.Pods != nil:
		value = metric.Pods.Current
	case metric.Object != nil:
		value = metric.Object.Current
	case metric.External != nil:
		value = metric.External.Current
	default:
		return nil
	}
	quantity := value.AverageValue
	if quantity == nil {
		quantity = value.Value
	}
	return &current{Utilization: value.AverageUtilization, Value: quantity.MilliValue()}
}

// store writes the autoscaler with a new version.
func (c *cluster) store(hpa *autoscaling.HorizontalPodAutoscaler) {
	c.version++
	hpa.ResourceVersion = strconv.Itoa(c.version)
	hpa.ObjectMeta.UID = "0"
	if err := c.hpas.indexer.Update(hpa); err != nil {
		panic(err)
	}
}

func (c *cluster) hpa() *autoscaling.HorizontalPodAutoscaler {
	objects := c.hpas.indexer.List()
	if len(objects) == 0 {
		return &autoscaling.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "checkout"}}
	}
	return objects[0].(*autoscaling.HorizontalPodAutoscaler)
}
