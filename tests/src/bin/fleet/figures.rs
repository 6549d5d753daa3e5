//! A run's figures, as a table and as JSON.

use std::time::Duration;

use serde::Serialize;

use crate::usage::Usage;

#[derive(Debug, Serialize)]
pub struct Figures {
    pub sites: usize,
    pub instances: usize,
    pub flood: Phase,
    pub outage: Phase,
    pub storm: Storm,
    /// Events that came more than once.
    pub duplicates: u64,
    /// Of the database, per event, over the whole run.
    pub statements: f64,
}

/// So many events on their way from the sites to their receipts.
#[derive(Debug, Serialize)]
pub struct Phase {
    pub events: u64,
    pub took_s: f64,
    /// Processor time per event.
    pub broker_us: f64,
    pub platform_us: f64,
    pub database_us: f64,
    pub sites_us: f64,
}

/// Sites that come back to a broker.
#[derive(Debug, PartialEq, Serialize)]
pub struct Storm {
    pub all_back_s: f64,
    /// In any tenth of a second.
    pub most_in_100_ms: usize,
    pub half_back_s: f64,
}

impl Phase {
    pub fn new(events: u64, took_s: f64, used: Usage) -> Phase {
        let each_us = |all_s: f64| all_s * 1e6 / events.max(1) as f64;
        Phase {
            events,
            took_s,
            broker_us: each_us(used.broker_s),
            platform_us: each_us(used.platform_s),
            database_us: each_us(used.database_s),
            sites_us: each_us(used.sites_s),
        }
    }

    pub fn per_s(&self) -> f64 {
        self.events as f64 / self.took_s
    }
}

impl Storm {
    /// `back` says how many were back by the end of each `step`; steps in which nobody looked have 0.
    pub fn of(back: &[usize], step: Duration, all: Duration) -> Storm {
        let (mut before, mut most, mut half) = (0, 0, back.len());
        let of_all = back.last().copied().unwrap_or_default();
        for (at, count) in back.iter().enumerate().filter(|(_, count)| 0 < **count) {
            most = most.max(count.saturating_sub(before));
            before = *count;
            if of_all <= 2 * count {
                half = half.min(at + 1);
            }
        }
        let half_back_s = (step * u32::try_from(half).unwrap_or(u32::MAX)).as_secs_f64();
        Storm { all_back_s: all.as_secs_f64(), most_in_100_ms: most, half_back_s }
    }
}

impl Figures {
    pub fn sentence(&self) -> String {
        format!(
            "{} × platform: {:.0} events/s in the flood, {:.0} after the outage, all back after {:.1} s",
            self.instances,
            self.flood.per_s(),
            self.outage.per_s(),
            self.storm.all_back_s
        )
    }
}

type Column = fn(&Figures) -> String;

const ROWS: [(&str, Column); 17] = [
    ("sites", |it| it.sites.to_string()),
    ("flood: events", |it| it.flood.events.to_string()),
    ("… events per s, from the sites to their receipts", |it| format!("{:.0}", it.flood.per_s())),
    ("… CPU µs per event: broker", |it| format!("{:.0}", it.flood.broker_us)),
    ("… platform", |it| format!("{:.0}", it.flood.platform_us)),
    ("… database server", |it| format!("{:.0}", it.flood.database_us)),
    ("… the simulated sites", |it| format!("{:.0}", it.flood.sites_us)),
    ("outage: events that wait at its end", |it| it.outage.events.to_string()),
    ("… s from the broker's return to the last receipt", |it| format!("{:.1}", it.outage.took_s)),
    ("… events per s", |it| format!("{:.0}", it.outage.per_s())),
    ("… CPU µs per event: platform", |it| format!("{:.0}", it.outage.platform_us)),
    ("… database server", |it| format!("{:.0}", it.outage.database_us)),
    ("broker killed: s until half of the sites are back", |it| format!("{:.1}", it.storm.half_back_s)),
    ("… s until all are", |it| format!("{:.1}", it.storm.all_back_s)),
    ("… most in 100 ms", |it| it.storm.most_in_100_ms.to_string()),
    ("events that came more than once", |it| it.duplicates.to_string()),
    ("statements of the database per event", |it| format!("{:.1}", it.statements)),
];

/// In Markdown, a column for each run.
pub fn table(all: &[Figures]) -> String {
    let row = |what: &str, cells: &mut dyn Iterator<Item = String>| {
        format!("| {what} | {} |", cells.collect::<Vec<_>>().join(" | "))
    };
    let mut lines = vec![
        row("instances of the platform", &mut all.iter().map(|figures| figures.instances.to_string())),
        row("---", &mut all.iter().map(|_| "---:".to_owned())),
    ];
    lines.extend(ROWS.iter().map(|(what, column)| row(what, &mut all.iter().map(column))));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_has_its_worst_step_and_its_half() {
        let storm = Storm::of(&[0, 2, 0, 6, 9, 10], Duration::from_millis(100), Duration::from_millis(580));
        assert_eq!(storm, Storm { all_back_s: 0.58, most_in_100_ms: 4, half_back_s: 0.4 });
        let none = Storm::of(&[], Duration::from_millis(100), Duration::ZERO);
        assert_eq!((none.most_in_100_ms, none.half_back_s), (0, 0.0));
    }

    #[test]
    fn a_table_has_a_column_for_each_run() {
        let run = |instances| Figures {
            sites: 500,
            instances,
            flood: Phase::new(1_000, 2.0, Usage { platform_s: 0.1, ..Usage::default() }),
            outage: Phase::new(500, 1.0, Usage::default()),
            storm: Storm { all_back_s: 4.0, most_in_100_ms: 30, half_back_s: 2.0 },
            duplicates: 0,
            statements: 7.25,
        };
        let table = table(&[run(1), run(2)]);
        assert!(
            table.starts_with("| instances of the platform | 1 | 2 |\n| --- | ---: | ---: |\n| sites | 500 | 500 |\n")
        );
        assert!(table.contains("| … events per s, from the sites to their receipts | 500 | 500 |"));
        assert!(table.contains("| … platform | 100 | 100 |"));
    }
}
