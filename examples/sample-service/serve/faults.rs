//! What can be made wrong with the service, at its start or while it runs.

use crate::body::{Fields, Invalid};
use serde::Serialize;

const MAX_CPU_MILLISECONDS: u32 = 2_000;
const MAX_LATENCY_MILLISECONDS: u32 = 30_000;

/// The faults in force. As flags and variables they are part of a release; `PUT /faults` changes them in one running pod.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, clap::Args)]
#[serde(rename_all = "camelCase")]
pub struct Faults {
    /// CPU time burned by every request, in milliseconds
    #[arg(long, env = "SAMPLE_CPU_MILLISECONDS", default_value_t = 5)]
    pub cpu_milliseconds: u32,
    /// Time that every request keeps a worker waiting, as with a call to a database, in milliseconds
    #[arg(long, env = "SAMPLE_WORKER_MILLISECONDS", default_value_t = 0)]
    pub worker_milliseconds: u32,
    /// Latency added to a share of the requests, in milliseconds
    #[arg(long, env = "SAMPLE_LATENCY_MILLISECONDS", default_value_t = 0)]
    pub latency_milliseconds: u32,
    /// Share of the requests that get the added latency, from 0 to 1
    #[arg(long, env = "SAMPLE_LATENCY_SHARE", default_value_t = 1.0)]
    pub latency_share: f64,
    /// Share of the requests that are answered with 500, from 0 to 1
    #[arg(long, env = "SAMPLE_ERROR_SHARE", default_value_t = 0.0)]
    pub error_share: f64,
    /// Report not ready
    #[arg(long, env = "SAMPLE_FAIL_READINESS", default_value_t = false, action = clap::ArgAction::Set)]
    pub fail_readiness: bool,
}

impl Faults {
    /// Reads a replacement: a field that is left out gets the value that the service was started with, so `{}` resets.
    pub fn replaced_by(self, body: &[u8]) -> Result<Self, Invalid> {
        let known = [
            "cpuMilliseconds",
            "workerMilliseconds",
            "latencyMilliseconds",
            "latencyShare",
            "errorShare",
            "failReadiness",
        ];
        let mut fields = Fields::parse(body, &known)?;
        Self {
            cpu_milliseconds: fields.optional("cpuMilliseconds")?.unwrap_or(self.cpu_milliseconds),
            worker_milliseconds: fields.optional("workerMilliseconds")?.unwrap_or(self.worker_milliseconds),
            latency_milliseconds: fields.optional("latencyMilliseconds")?.unwrap_or(self.latency_milliseconds),
            latency_share: fields.optional("latencyShare")?.unwrap_or(self.latency_share),
            error_share: fields.optional("errorShare")?.unwrap_or(self.error_share),
            fail_readiness: fields.optional("failReadiness")?.unwrap_or(self.fail_readiness),
        }
        .checked()
    }

    /// Refuses what is out of bounds.
    pub fn checked(self) -> Result<Self, Invalid> {
        at_most("cpuMilliseconds", self.cpu_milliseconds, MAX_CPU_MILLISECONDS)?;
        at_most("workerMilliseconds", self.worker_milliseconds, MAX_CPU_MILLISECONDS)?;
        at_most("latencyMilliseconds", self.latency_milliseconds, MAX_LATENCY_MILLISECONDS)?;
        share("latencyShare", self.latency_share)?;
        share("errorShare", self.error_share)?;
        Ok(self)
    }
}

fn at_most(name: &str, value: u32, limit: u32) -> Result<(), Invalid> {
    if value <= limit { Ok(()) } else { Err(Invalid::field(name, format!("{value} is over the limit of {limit}"))) }
}

/// Written so that NaN, which a flag can be, is refused too.
fn share(name: &str, value: f64) -> Result<(), Invalid> {
    if (0.0..=1.0).contains(&value) {
        Ok(())
    } else {
        Err(Invalid::field(name, format!("{value} is not between 0 and 1")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Faults = Faults {
        cpu_milliseconds: 5,
        worker_milliseconds: 0,
        latency_milliseconds: 10,
        latency_share: 1.0,
        error_share: 0.1,
        fail_readiness: false,
    };

    #[test]
    fn what_is_left_out_falls_back_to_the_start() {
        let faults = START.replaced_by(br#"{"errorShare": 0.5, "failReadiness": true}"#).unwrap();
        assert_eq!(faults, Faults { error_share: 0.5, fail_readiness: true, ..START });
        assert_eq!(START.replaced_by(b"{}").unwrap(), START);
    }

    #[test]
    fn what_is_written_can_be_sent_back() {
        let faults = Faults { latency_share: 0.25, ..START };
        assert_eq!(START.replaced_by(&serde_json::to_vec(&faults).unwrap()), Ok(faults));
    }

    #[test]
    fn what_is_out_of_bounds_is_named() {
        for (body, message) in [
            (r#"{"cpuMilliseconds": 2001}"#, "cpuMilliseconds: 2001 is over the limit of 2000"),
            (r#"{"latencyMilliseconds": 30001}"#, "latencyMilliseconds: 30001 is over the limit of 30000"),
            (r#"{"latencyShare": 1.01}"#, "latencyShare: 1.01 is not between 0 and 1"),
            (r#"{"errorShare": -0.1}"#, "errorShare: -0.1 is not between 0 and 1"),
            (r#"{"cpuMilliseconds": -1}"#, "cpuMilliseconds: invalid value: integer `-1`, expected u32"),
            (r#"{"failReadiness": "no"}"#, "failReadiness: invalid type: string \"no\", expected a boolean"),
        ] {
            assert_eq!(START.replaced_by(body.as_bytes()).unwrap_err().message, message);
        }
        for edge in [r#"{"cpuMilliseconds": 2000}"#, r#"{"errorShare": 1}"#, r#"{"latencyShare": 0}"#] {
            assert!(START.replaced_by(edge.as_bytes()).is_ok(), "{edge}");
        }
    }

    #[test]
    fn a_share_that_is_not_a_number_is_refused() {
        assert!(Faults { error_share: f64::NAN, ..START }.checked().is_err());
        assert!(Faults { latency_share: f64::INFINITY, ..START }.checked().is_err());
    }
}
