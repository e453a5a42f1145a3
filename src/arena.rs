//! The arena: an offline simulator of autoscaling under load. Pure: no clock, no client, chance from a seed.

pub mod hpa;
