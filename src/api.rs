//! The contract with users and with the cluster: the resource's types, its schema, and every well-known name.

pub mod crd;
mod duration;
mod target;
pub mod v1alpha1;

pub use duration::{Duration, DurationError};
pub use target::{Target, TargetError};

/// API group of the resource and prefix of the project's labels and annotations.
pub const GROUP: &str = "plimsoll.dev";
/// Name of the operator as server-side apply's field manager. Constant for ever: a new name would leave the old one's fields behind.
pub const FIELD_MANAGER: &str = "plimsoll";
/// User agent of every request, so that audit logs tell the operator apart.
pub const USER_AGENT: &str = concat!("plimsoll/", env!("CARGO_PKG_VERSION"));

/// Label keys and values.
pub mod labels {
    /// Who manages an object (a label that Kubernetes recommends).
    pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
    /// The value of [`MANAGED_BY`] on children.
    pub const MANAGED_BY_VALUE: &str = "plimsoll";
    /// The profile that a child belongs to.
    pub const PROFILE: &str = "plimsoll.dev/profile";
    /// Which program a pod runs (a label that Kubernetes recommends).
    pub const NAME: &str = "app.kubernetes.io/name";
    /// The value of [`NAME`] on poolers.
    pub const PGBOUNCER: &str = "pgbouncer";
}

/// Annotation keys.
pub mod annotations {
    /// On a profile, with the value `true`: the operator writes nothing for it.
    pub const PAUSED: &str = "plimsoll.dev/paused";
    /// On an adopted autoscaler: what its fields were before enforcement wrote them.
    pub const ORIGINAL: &str = "plimsoll.dev/original";
    /// On an adopted autoscaler: the floor that is written to it, for the admission policy that keeps others from lowering it.
    pub const FLOOR: &str = "plimsoll.dev/floor";
    /// On a `ScaledObject`, with the value `true`: KEDA scales nothing down. KEDA's own.
    pub const KEDA_HOLD: &str = "autoscaling.keda.sh/paused-scale-in";
    /// On poolers' pods: changes with the settings that `PgBouncer` takes only at its start.
    pub const RESTART_HASH: &str = "plimsoll.dev/restart-hash";
    /// What `kubectl apply` writes to everything that it touches: a second copy of the object, which nobody reads here.
    pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
    /// On everything that is written: a hash of what was wanted. Tells after a restart that nothing is to be written.
    pub const APPLIED: &str = "plimsoll.dev/applied";
    /// On a workload: the reason for a rollout in spite of a freeze.
    pub const OVERRIDE: &str = "plimsoll.dev/override";
    /// On the lease that replicas share: which of them has which shards.
    pub const SHARDS: &str = "plimsoll.dev/shards";
}

/// Condition types of a profile. All are positive: `True` is the good state.
pub mod conditions {
    /// Everything that the profile asks for is in place. What `kubectl wait` and GitOps tools look at.
    pub const READY: &str = "Ready";
    /// The target exists, can be scaled, and no other profile claims it.
    pub const TARGET_FOUND: &str = "TargetFound";
    /// The `HorizontalPodAutoscaler` is in place and able to scale.
    pub const AUTOSCALING_READY: &str = "AutoscalingReady";
    /// The `PodDisruptionBudget` is in place.
    pub const DISRUPTION_READY: &str = "DisruptionReady";
    /// The rules of all objectives are written.
    pub const RULES_READY: &str = "RulesReady";
    /// Prometheus has loaded the rules.
    pub const RULES_LOADED: &str = "RulesLoaded";
    /// Prometheus answers, and knows every objective's events.
    pub const METRICS_AVAILABLE: &str = "MetricsAvailable";
    /// Every objective is within its budget.
    pub const OBJECTIVES_MET: &str = "ObjectivesMet";
    /// The operator writes for this profile: false while it is paused.
    pub const ACTIVE: &str = "Active";
    /// Enforcement is on and does what it can: false while it only observes or is paused, cannot trust its numbers, has its fields
    /// taken, or has found that more pods are not the cure.
    pub const ENFORCING: &str = "Enforcing";
    /// The demand fits below the maximum of replicas, and the cluster and the dependencies carry that many.
    pub const CAPACITY_SUFFICIENT: &str = "CapacitySufficient";
    /// Rollouts may go on.
    pub const ROLLOUT_ALLOWED: &str = "RolloutAllowed";
    /// All poolers run what is declared.
    pub const POOLING_READY: &str = "PoolingReady";
    /// The poolers' pools fit into the connections that the primary has for them.
    pub const POOLING_WITHIN_BUDGET: &str = "PoolingWithinBudget";
    /// Clients of the poolers get a server without waiting.
    pub const POOLING_KEEPS_UP: &str = "PoolingKeepsUp";
}

/// Reasons of conditions and events.
pub mod reasons {
    /// All is as asked.
    pub const AS_DECLARED: &str = "AsDeclared";
    /// Switched off in the profile.
    pub const DISABLED: &str = "Disabled";
    /// Nothing declared that this condition speaks of.
    pub const NOT_DECLARED: &str = "NotDeclared";
    /// The profile is paused by its annotation.
    pub const PAUSED: &str = "Paused";
    /// The profile's text cannot be understood by this version.
    pub const INVALID: &str = "Invalid";
    /// The target does not exist (yet).
    pub const TARGET_NOT_FOUND: &str = "TargetNotFound";
    /// The API server does not know the target's kind.
    pub const UNKNOWN_KIND: &str = "UnknownTargetKind";
    /// The target's kind has no scale subresource.
    pub const NOT_SCALABLE: &str = "TargetNotScalable";
    /// The target's selector matches nothing or cannot be read.
    pub const NO_SELECTOR: &str = "TargetWithoutSelector";
    /// Another profile has the same target and came first.
    pub const TARGET_CLAIMED: &str = "TargetClaimed";
    /// An object of that name exists and is not ours.
    pub const FOREIGN_OBJECT: &str = "ForeignObject";
    /// Another autoscaler scales the same target.
    pub const SECOND_AUTOSCALER: &str = "SecondAutoscaler";
    /// Another `PodDisruptionBudget` selects the same pods.
    pub const SECOND_BUDGET: &str = "SecondDisruptionBudget";
    /// The cluster does not serve the kind of rule object that the profile asks for.
    pub const RULE_KIND_NOT_SERVED: &str = "RuleKindNotServed";
    /// The API server refused or failed the write.
    pub const APPLY_FAILED: &str = "ApplyFailed";
    /// The API server stored an object without a field that was asked for.
    pub const FIELD_DROPPED: &str = "FieldDropped";
    /// The namespace is being deleted.
    pub const NAMESPACE_TERMINATING: &str = "NamespaceTerminating";
    /// The autoscaler cannot scale; the message is its own.
    pub const CANNOT_SCALE: &str = "CannotScale";
    /// The operator was started without a Prometheus.
    pub const NO_PROMETHEUS: &str = "NoPrometheus";
    /// Prometheus does not answer, or not in time.
    pub const PROMETHEUS_UNREACHABLE: &str = "PrometheusUnreachable";
    /// Prometheus answers and refuses.
    pub const PROMETHEUS_REFUSES: &str = "PrometheusRefuses";
    /// Prometheus has no rule of the profile.
    pub const NOT_SELECTED: &str = "NotSelected";
    /// Some rule failed when Prometheus evaluated it.
    pub const RULE_FAILING: &str = "RuleFailing";
    /// Prometheus has no samples for an objective, or only old ones.
    pub const NO_DATA: &str = "NoData";
    /// Not evaluated yet.
    pub const PENDING: &str = "Pending";
    /// An objective's budget is spent.
    pub const BUDGET_EXHAUSTED: &str = "BudgetExhausted";
    /// An objective burns its budget faster than it may.
    pub const BUDGET_BURNING: &str = "BudgetBurning";
    /// Enforcement only says what it would do.
    pub const OBSERVING: &str = "Observing";
    /// Enforcement is on, and nothing needs to be done.
    pub const IDLE: &str = "Idle";
    /// Enforcement has actions open.
    pub const ACTING: &str = "Acting";
    /// The numbers cannot be trusted: everything stays as it is.
    pub const METRICS_NOT_TRUSTED: &str = "MetricsNotTrusted";
    /// More pods did not help: no more are asked for.
    pub const SCALING_INEFFECTIVE: &str = "ScalingIneffective";
    /// The burn began with a new release: more pods are not the cure.
    pub const RELEASE_SUSPECTED: &str = "ReleaseSuspected";
    /// Something behind the pods is saturated: more pods are not the cure.
    pub const DEPENDENCY_LIMITED: &str = "DependencyLimited";
    /// The demand is beyond the maximum of replicas.
    pub const SATURATED: &str = "Saturated";
    /// Pods find no node, or a quota is used up.
    pub const CAPACITY_UNAVAILABLE: &str = "CapacityUnavailable";
    /// So many actions were begun in an hour that no other is.
    pub const ACTIONS_LIMITED: &str = "ActionsLimited";
    /// Another manager takes the fields of enforcement again and again; it has yielded.
    pub const CONTENDED: &str = "Contended";
    /// The workload gives a reason for rollouts in spite of a freeze.
    pub const FREEZE_OVERRIDDEN: &str = "FreezeOverridden";
    /// The autoscaler that scales the target is used as it is.
    pub const ADOPTED: &str = "Adopted";
    /// No image is named that poolers could run.
    pub const IMAGE_NOT_SET: &str = "ImageNotSet";
    /// Poolers are being started or replaced.
    pub const ROLLING_OUT: &str = "RollingOut";
    /// A pooler does not answer.
    pub const NOT_REPORTED: &str = "NotReported";
    /// A pooler has not loaded what is declared yet.
    pub const NOT_LOADED: &str = "NotLoaded";
    /// The image's PgBouncer is older than what is accepted.
    pub const VERSION_TOO_OLD: &str = "VersionTooOld";
    /// PgBouncer did not take a setting.
    pub const SETTING_REJECTED: &str = "SettingRejected";
    /// The Secret with the list of users, or its key, is not there.
    pub const USERLIST_MISSING: &str = "UserlistMissing";
    /// The list of users cannot be read.
    pub const USERLIST_INVALID: &str = "UserlistInvalid";
    /// A Secret that is named, or its key, is not there.
    pub const SECRET_MISSING: &str = "SecretMissing";
    /// A certificate cannot be used.
    pub const CERTIFICATE_INVALID: &str = "CertificateInvalid";
    /// The primary does not answer the poolers.
    pub const PRIMARY_UNREACHABLE: &str = "PrimaryUnreachable";
    /// The primary refuses a password.
    pub const AUTHENTICATION_FAILED: &str = "AuthenticationFailed";
    /// A pause came to its limit, and clients were let go on.
    pub const PAUSE_ENDED: &str = "PauseEnded";
    /// PgBouncer ended by itself.
    pub const PROCESS_FAILED: &str = "ProcessFailed";
    /// Something is wrong with a pooler that this version has no word for.
    pub const POOLER_FAILING: &str = "PoolerFailing";
    /// How many connections the primary has is not known.
    pub const BUDGET_UNKNOWN: &str = "BudgetUnknown";
    /// More connections are declared than the primary has.
    pub const POOL_OVERSUBSCRIBED: &str = "PoolOversubscribed";
    /// The poolers' own CPU is the limit.
    pub const POOL_SATURATED: &str = "PoolSaturated";
    /// There is no autoscaler that could be adopted, or more than one.
    pub const NOTHING_TO_ADOPT: &str = "NothingToAdopt";
}
