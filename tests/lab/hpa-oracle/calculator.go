package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
	"unsafe"

	autoscaling "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
)

// settings are the controller's flags, in milliseconds.
type settings struct {
	Tolerance              float64
	Downscale, Init, Delay int64
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

type calculation struct {
	readings
	Settings   settings
	Op         string
	Replicas   int32 // of the scale's spec, or of its status where the method takes these
	Target     int64
	Kind       v1.ResourceName
	Container  string
	Tolerances [2]float64 // down, up
}

type result struct {
	Replicas    int32  `json:"replicas"`
	Utilization int32  `json:"utilization"`
	Value       int64  `json:"value"`
	Error       string `json:"error,omitempty"`
}

// The fields of the type have no names outside of its package, but they are two numbers, down and up.
func tolerances(numbers [2]float64) podautoscaler.Tolerances {
	const same = unsafe.Sizeof(numbers) - unsafe.Sizeof(podautoscaler.Tolerances{})
	var _ [same]struct{}
	both := *(*podautoscaler.Tolerances)(unsafe.Pointer(&numbers))
	if want := fmt.Sprintf("[down:%.1f%%, up:%.1f%%]", numbers[0]*100, numbers[1]*100); both.String() != want {
		panic(both.String() + ", not " + want)
	}
	return both
}

func calculate(ctx context.Context, line []byte) (any, error) {
	var c calculation
	if err := json.Unmarshal(line, &c); err != nil {
		return nil, err
	}
	c.start = time.Now()
	indexer := newIndexer()
	if err := c.fill(indexer); err != nil {
		return nil, err
	}
	calculator := podautoscaler.NewReplicaCalculator(&c.readings, corelisters.NewPodLister(indexer), ms(c.Settings.Init), ms(c.Settings.Delay))
	pods, none := labels.SelectorFromSet(app), labels.Everything()
	object := &autoscaling.CrossVersionObjectReference{Kind: "Service", Name: "web"}
	both := tolerances(c.Tolerances)
	var r result
	var err error
	switch c.Op {
	case "utilization":
		r.Replicas, r.Utilization, r.Value, _, err = calculator.GetResourceReplicas(ctx, c.Replicas, int32(c.Target), c.Kind, both, namespace, pods, c.Container)
	case "raw":
		r.Replicas, r.Value, _, err = calculator.GetRawResourceReplicas(ctx, c.Replicas, c.Target, c.Kind, both, namespace, pods, c.Container)
	case "pods":
		r.Replicas, r.Value, _, err = calculator.GetMetricReplicas(c.Replicas, c.Target, "m", both, namespace, pods, none)
	case "object":
		r.Replicas, r.Value, _, err = calculator.GetObjectMetricReplicas(c.Replicas, c.Target, "m", both, namespace, object, pods, none)
	case "object-per-pod":
		r.Replicas, r.Value, _, err = calculator.GetObjectPerPodMetricReplicas(c.Replicas, c.Target, "m", both, namespace, object, none)
	case "external":
		r.Replicas, r.Value, _, err = calculator.GetExternalMetricReplicas(c.Replicas, c.Target, "m", both, namespace, nil, pods)
	case "external-per-pod":
		r.Replicas, r.Value, _, err = calculator.GetExternalPerPodMetricReplicas(c.Replicas, c.Target, "m", both, namespace, nil)
	default:
		return nil, fmt.Errorf("no operation %q", c.Op)
	}
	if err != nil {
		r = result{Error: err.Error()}
	}
	return r, nil
}
