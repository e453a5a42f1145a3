//! What the parts of the running service share.

use super::faults::Faults;
use super::metrics::Metrics;
use super::token::Tokens;
use super::work::{Hmac, Verifier};
use super::workers::Workers;
use crate::chance::Chance;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock};

/// The service.
pub struct Service {
    pub initial_faults: Faults,
    pub metrics: Metrics,
    pub tokens: Tokens,
    pub workers: Workers,
    pub chance: Chance,
    hmac: Hmac,
    password: String,
    iterations_per_millisecond: OnceLock<u64>,
    settings: RwLock<Option<Settings>>,
    draining: AtomicBool,
}

/// The faults in force and the verifier that has their cost.
#[derive(Clone)]
pub struct Settings {
    pub faults: Faults,
    pub verifier: Verifier,
}

impl Service {
    pub fn new(hmac: Hmac, faults: Faults, workers: Workers, password: String, token_key: String) -> Self {
        Self {
            initial_faults: faults,
            metrics: Metrics::new(),
            tokens: Tokens::new(hmac, token_key),
            workers,
            chance: Chance::new(),
            hmac,
            password,
            iterations_per_millisecond: OnceLock::new(),
            settings: RwLock::default(),
            draining: AtomicBool::new(false),
        }
    }

    /// Measures the CPU and becomes ready. Takes some milliseconds of CPU time.
    pub fn prepare(&self) -> u64 {
        let measured = *self.iterations_per_millisecond.get_or_init(|| self.hmac.iterations_per_millisecond());
        self.apply(self.initial_faults);
        measured
    }

    /// Puts faults in force; false before the service is prepared. Takes the CPU time of one request.
    pub fn apply(&self, faults: Faults) -> bool {
        let Some(per_millisecond) = self.iterations_per_millisecond.get() else { return false };
        let iterations = per_millisecond.saturating_mul(faults.cpu_milliseconds.into());
        let settings = Settings { faults, verifier: Verifier::new(self.hmac, &self.password, iterations) };
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Some(settings);
        tracing::info!(?faults, "faults in force");
        true
    }

    /// Absent until the service is prepared.
    pub fn settings(&self) -> Option<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Why the service should get no requests, if it should not.
    pub fn not_ready(&self) -> Option<&'static str> {
        match self.settings() {
            _ if self.is_draining() => Some("draining"),
            None => Some("starting"),
            Some(settings) if settings.faults.fail_readiness => Some("injected fault"),
            Some(_) => None,
        }
    }
}
