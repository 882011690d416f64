//! One recorder per process, and cheap handles on its counters.
//!
//! A handle is an atomic behind an `Arc`: take it once, keep it, and counting costs a few
//! nanoseconds. Handles that are taken before [`install`] count nowhere, so mains install first.
//! Every name lives in [`names`].
use std::sync::OnceLock;
use std::time::Duration;

use ::metrics::{Counter, Gauge, Histogram, Label};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

pub mod names;

static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Bounds of every `_seconds` histogram: from a fast in-memory step (50 us) to a stuck disk (10 s).
const SECONDS: [f64; 14] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0];

/// How often the samples of histograms are put into their buckets. Until then each takes memory, also when
/// nobody ever asks for `/metrics`.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Installs the process's recorder. Any number of services may call it; the first call counts.
pub fn install() {
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if ::metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is installed: /metrics stays empty");
            return None;
        }
        names::describe();
        let samples = handle.clone();
        let upkeep = move || loop {
            std::thread::sleep(UPKEEP_EVERY);
            samples.run_upkeep();
        };
        if let Err(error) = std::thread::Builder::new().name("metrics".into()).spawn(upkeep) {
            tracing::warn!(%error, "no thread for metrics: histograms take memory until /metrics is asked for");
        }
        Some(handle)
    });
}

/// Everything recorded so far in Prometheus' text format; empty before [`install`].
pub fn render() -> String {
    let Some(Some(handle)) = HANDLE.get() else { return String::new() };
    handle.run_upkeep();
    handle.render()
}

/// The counter `name` of `service`; labels tell its kinds apart and must come from a small set.
pub fn counter(name: &'static str, service: &'static str, labels: &[(&'static str, &str)]) -> Counter {
    ::metrics::counter!(name, all_labels(service, labels))
}

/// The gauge `name` of `service`.
pub fn gauge(name: &'static str, service: &'static str, labels: &[(&'static str, &str)]) -> Gauge {
    ::metrics::gauge!(name, all_labels(service, labels))
}

/// The histogram `name` of `service`.
pub fn histogram(name: &'static str, service: &'static str, labels: &[(&'static str, &str)]) -> Histogram {
    ::metrics::histogram!(name, all_labels(service, labels))
}

fn all_labels(service: &'static str, labels: &[(&'static str, &str)]) -> Vec<Label> {
    let own = labels.iter().map(|(key, value)| Label::new(*key, (*value).to_owned()));
    std::iter::once(Label::new("service", service)).chain(own).collect()
}
