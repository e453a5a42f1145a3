//! Version `v1alpha1` of the resource.

mod alerting;
mod autoscaling;
mod disruption;
mod enforcement;
mod maintenance;
mod objectives;
mod pooling;
mod spec;
mod status;
mod telemetry;

pub use alerting::{Alerting, BurnThreshold, PartialResponseStrategy, RuleObject, RuleObjectKind, Severity};
pub use autoscaling::{Autoscaling, AutoscalingMode, Management, ResourceTarget};
pub use disruption::Disruption;
pub use enforcement::{
    Connections, EnforcedScaling, Enforcement, EnforcementMode, Freeze, FreezeAction, Pause, ScheduledFloor, Seasonal,
};
pub use maintenance::{Maintenance, Once, Recurring};
pub use objectives::{
    Availability, Calendar, CalendarPeriod, Composite, CompositeMode, CompositePart, Grouping, HistogramFormat,
    Indicator, Latency, Objective, Probe, Ratio, Raw, Saturation, Throughput,
};
pub use pooling::{
    AuthQuery, ClientTls, ClientTlsMode, ConnectionBudget, DatabaseServer, PasswordSecret, PoolMode, PooledDatabase,
    PoolerAuth, PoolerInstances, PoolerMonitoring, PoolerPod, PoolerTls, Pooling, PostgresPooling, ReplicaLag,
    ReplicaLagAction, SecretName, ServerTls, ServerTlsMode, UserlistSecret,
};
pub use spec::{PerformanceProfile, PerformanceProfileSpec, TargetRef};
pub use status::{
    ActionState, ActionStatus, BudgetStatus, BurnStatus, ChildState, ChildStatus, EnforcementStatus, FreezeOverride,
    FreezeStatus, GroupStatus, MaintenanceStatus, ObjectiveState, ObjectiveStatus, PerformanceProfileStatus,
    PoolingClients, PoolingReplica, PoolingStatus, ScalingStatus, UpcomingMaintenance, WindowStatus, WorstStatus,
};
pub use telemetry::{Telemetry, TelemetryPreset};
