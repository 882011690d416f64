//! What a campaign found, for people and as JSON.

use super::check::shortened;
use super::schedule::{Deed, Fault, Target};
use super::world::World;
use crate::numbers::{Spread, millis};
use crate::producer::Tally;
use crate::table::{ms, table};
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Everything that a campaign found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// How long faults hit, seconds.
    pub seconds: u64,
    /// Whether disks were filled, and if not, why.
    pub full_disks: String,
    /// What is wrong; empty: nothing was lost, repeated or different.
    pub problems: Vec<String>,
    /// Rows in total.
    pub rows: RowCounts,
    /// The services.
    pub services: Vec<ServiceLine>,
    /// The clients.
    pub clients: Vec<ClientLine>,
    /// The producers.
    pub producers: Vec<ProducerLine>,
    /// The faults as they happened.
    pub faults: Vec<FaultLine>,
    #[serde(skip)]
    logs: Vec<(String, String)>,
}

/// Rows in total.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RowCounts {
    /// Acknowledged to producers.
    pub published: u64,
    /// In the journal, derived ones included.
    pub journaled: u64,
    /// Of those, bars that the engine derived.
    pub derived: u64,
    /// Streams.
    pub streams: u64,
    /// Acknowledged, and not in the journal.
    pub lost: u64,
    /// More than once in the journal.
    pub repeated: u64,
    /// Epochs of the journal; 1 means that no history was lost.
    pub epochs: u64,
}

/// A service and what was done to it.
#[derive(Debug, Serialize)]
pub struct ServiceLine {
    /// Its name.
    pub name: String,
    /// Faults by kind.
    pub faults: BTreeMap<Deed, u64>,
    /// How long it was away or stopped.
    pub outages: Spread,
    /// From the start of the process to listening.
    pub startup: Spread,
    /// Starts of the process.
    pub starts: u64,
    /// Ends that nobody asked for (excused while its disk was full).
    pub ended_early: Vec<String>,
    /// Lines of its log at ERROR and at WARN.
    pub errors: u64,
    /// Lines of its log at WARN.
    pub warnings: u64,
}

/// A client and how it fared.
#[derive(Debug, Serialize)]
pub struct ClientLine {
    /// Its name.
    pub name: String,
    /// Faults of its own.
    pub faults: u64,
    /// Rows handed over.
    pub rows: u64,
    /// Rows that it never got though later ones came.
    pub lost: u64,
    /// Rows that it got twice.
    pub repeated: u64,
    /// Gaps found, healed and given up.
    pub gaps: [u64; 3],
    /// Rows that came twice over the network and were dropped by the library.
    pub dropped: u64,
    /// The longest time without rows.
    pub longest_wait_ms: u64,
    /// From the end of a fault to lag 0.
    pub to_gapless: Spread,
    /// The same where no other fault came before it was over.
    pub undisturbed: Spread,
}

/// A producer and how it fared.
#[derive(Debug, Serialize)]
pub struct ProducerLine {
    /// Its name.
    pub name: String,
    /// `zeromq` or `http`.
    pub over: &'static str,
    /// What happened to it.
    pub tally: Tally,
    /// Rows acknowledged.
    pub rows: u64,
    /// The longest time between two acknowledgements of a stream.
    pub longest_wait_ms: u64,
}

/// A fault as it happened.
#[derive(Debug, Serialize)]
pub struct FaultLine {
    /// When it began, from the beginning of the campaign.
    pub at_ms: u64,
    /// Whom it hit.
    pub target: Target,
    /// What it was.
    pub deed: Deed,
    /// How long it lasted in the end.
    pub lasted_ms: u64,
    /// By client: from its end to lag 0; nothing where it does not concern the client.
    pub to_gapless_ms: BTreeMap<&'static str, Option<f64>>,
}

impl FaultLine {
    pub(super) fn of(fault: &Fault) -> FaultLine {
        FaultLine {
            at_ms: millis(fault.at),
            target: fault.target,
            deed: fault.deed,
            lasted_ms: 0,
            to_gapless_ms: BTreeMap::new(),
        }
    }
}

impl Report {
    pub(super) fn new(
        world: &World,
        problems: Vec<String>,
        rows: RowCounts,
        faults: Vec<FaultLine>,
    ) -> Report {
        let mut report = Report {
            seed: world.plan.seed,
            seconds: world.plan.lasts.as_secs(),
            full_disks: world.disks_note.clone(),
            problems,
            rows,
            services: Vec::new(),
            clients: clients(world, &faults),
            producers: producers(world),
            faults,
            logs: Vec::new(),
        };
        let files = world.files.values().map(|client| &client.slot);
        for slot in world.services.values().chain(files) {
            report.problems.extend(shortened(slot.problems.clone()));
            let panics = slot.log.lines().filter(|line| line.contains("panicked at"));
            report.problems.extend(panics.map(|line| format!("{}: {line}", slot.name)));
            report.logs.push((slot.name.clone(), slot.log.clone()));
        }
        for (target, slot) in &world.services {
            let level = |level: &str| slot.log.lines().filter(|line| line.contains(level)).count() as u64;
            report.services.push(ServiceLine {
                name: slot.name.clone(),
                faults: report.count(*target),
                outages: report.outages(*target),
                startup: Spread::of(slot.startups.iter().copied()),
                starts: slot.starts,
                ended_early: slot.ended_early.clone(),
                errors: level("ERROR"),
                warnings: level("WARN"),
            });
        }
        report
    }

    fn count(&self, target: Target) -> BTreeMap<Deed, u64> {
        let mut found = BTreeMap::new();
        for fault in self.faults.iter().filter(|fault| fault.target == target && fault.lasted_ms > 0) {
            *found.entry(fault.deed).or_default() += 1;
        }
        found
    }

    fn outages(&self, target: Target) -> Spread {
        let away = |fault: &&FaultLine| fault.target == target && fault.deed != Deed::FullDisk;
        let faults = self.faults.iter().filter(away).filter(|fault| fault.lasted_ms > 0);
        Spread::of(faults.map(|fault| std::time::Duration::from_millis(fault.lasted_ms)))
    }

    /// Writes the report and the logs of all processes into `folder`.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        std::fs::write(folder.join("report.json"), serde_json::to_string_pretty(self)?)?;
        std::fs::write(folder.join("report.txt"), self.to_string())?;
        for (name, log) in &self.logs {
            std::fs::write(folder.join(format!("{name}.log")), log)?;
        }
        Ok(())
    }
}

fn clients(world: &World, faults: &[FaultLine]) -> Vec<ClientLine> {
    let line = |(target, (observed, recoveries)): (
        &Target,
        &(super::cast::Observed, super::recovery::Recoveries),
    )| {
        let seen = observed.watch.lock();
        let undisturbed = recoveries.done.iter().filter(|recovered| !recovered.disturbed);
        ClientLine {
            name: observed.name.to_owned(),
            faults: faults.iter().filter(|fault| fault.target == *target && fault.lasted_ms > 0).count()
                as u64,
            rows: seen.rows,
            lost: seen.skipped,
            repeated: seen.repeated,
            gaps: [seen.gaps.found, seen.gaps.healed, seen.gaps.truncated],
            dropped: seen.dropped,
            longest_wait_ms: millis(seen.longest_wait),
            to_gapless: Spread::of(recoveries.done.iter().map(|recovered| recovered.took)),
            undisturbed: Spread::of(undisturbed.map(|recovered| recovered.took)),
        }
    };
    world.observed.iter().map(line).collect()
}

fn producers(world: &World) -> Vec<ProducerLine> {
    let pages = world.book.pages();
    let line = |producer: &super::cast::Producer| {
        let own = pages.iter().filter(|page| producer.lanes.contains(&page.lane));
        ProducerLine {
            name: producer.player.name.clone(),
            over: producer.over,
            tally: *producer.tally.lock(),
            rows: own.clone().map(|page| page.acknowledged).sum(),
            longest_wait_ms: own.map(|page| millis(page.longest_wait)).max().unwrap_or(0),
        }
    };
    world.producers.iter().map(line).collect()
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let spread = |s: &Spread| match s.count {
            0 => "-".to_owned(),
            _ => format!("{} / {} / {} ({})", ms(s.p50_ms), ms(s.p99_ms), ms(s.max_ms), s.count),
        };
        let headings =
            ["service", "faults", "outages p50/p99/max (n)", "startup p50/p99/max (n)", ">ended early"];
        let rows = self.services.iter().map(|line| {
            let faults: Vec<String> = line.faults.iter().map(|(deed, n)| format!("{n} {deed:?}")).collect();
            let early = line.ended_early.len().to_string();
            vec![line.name.clone(), faults.join(", "), spread(&line.outages), spread(&line.startup), early]
        });
        writeln!(f, "{}\n", table(&headings, rows))?;
        let headings = [
            "client",
            ">own faults",
            ">rows",
            ">lost",
            ">repeated",
            "gaps found/healed/gone",
            ">dropped",
            ">longest wait",
            "to gapless p50/p99/max (n)",
            "undisturbed",
        ];
        let rows = self.clients.iter().map(|line| {
            let [found, healed, gone] = line.gaps;
            let counts = [line.faults, line.rows, line.lost, line.repeated].map(|n| n.to_string());
            let mut row = vec![line.name.clone()];
            row.extend(counts);
            row.extend([
                format!("{found}/{healed}/{gone}"),
                line.dropped.to_string(),
                ms(line.longest_wait_ms),
            ]);
            row.extend([spread(&line.to_gapless), spread(&line.undisturbed)]);
            row
        });
        writeln!(f, "{}\n", table(&headings, rows))?;
        let headings = [
            "producer",
            "over",
            ">batches",
            ">rows",
            ">resent",
            ">refused",
            ">no space",
            ">unanswered",
            ">were there already",
            ">longest wait",
        ];
        let rows = self.producers.iter().map(|line| {
            let t = &line.tally;
            let counts =
                [t.acknowledged, line.rows, t.resent, t.refused, t.no_space, t.unanswered, t.duplicates];
            let mut row = vec![line.name.clone(), line.over.to_owned()];
            row.extend(counts.map(|n| n.to_string()));
            row.push(ms(line.longest_wait_ms));
            row
        });
        writeln!(f, "{}\n", table(&headings, rows))?;
        let RowCounts { published, journaled, derived, streams, lost, repeated, epochs } = &self.rows;
        writeln!(
            f,
            "rows: {published} acknowledged, {journaled} in the journal ({derived} derived) of {streams} streams; \
             {lost} lost, {repeated} repeated; {epochs} epoch"
        )?;
        writeln!(f, "{}", self.full_disks)?;
        for problem in &self.problems {
            writeln!(f, "PROBLEM: {problem}")?;
        }
        let verdict = if self.problems.is_empty() {
            "nothing lost, nothing twice, the same rows everywhere"
        } else {
            "FAILED"
        };
        write!(f, "seed {}, {} s: {verdict}", self.seed, self.seconds)
    }
}
