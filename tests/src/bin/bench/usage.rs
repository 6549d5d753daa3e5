//! What the kernel counts about a process, as a difference between two moments.

use std::collections::BTreeMap;
use std::fs;

use parceld_tests::process::Process;

/// The counters at one moment, or what was added to them between two.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// By the threads' names; those that differ by a number at the end are one.
    pub cpu_s: BTreeMap<String, f64>,
    pub bytes_written: u64,
    pub wake_ups: u64,
}

impl Usage {
    pub fn of(process: &Process) -> Usage {
        Usage {
            cpu_s: cpu_by_thread(process.pid()),
            bytes_written: process.bytes_written(),
            wake_ups: process.voluntary_context_switches(),
        }
    }

    pub fn since(&self, before: &Usage) -> Usage {
        let added = |(name, cpu_s): (&String, &f64)| {
            (name.clone(), cpu_s - before.cpu_s.get(name).copied().unwrap_or_default())
        };
        Usage {
            cpu_s: self.cpu_s.iter().map(added).collect(),
            bytes_written: self.bytes_written.saturating_sub(before.bytes_written),
            wake_ups: self.wake_ups.saturating_sub(before.wake_ups),
        }
    }

    pub fn cpu_total_s(&self) -> f64 {
        self.cpu_s.values().sum()
    }
}

/// From schedstat, which counts nanoseconds; stat counts ticks of 10 ms.
fn cpu_by_thread(pid: u32) -> BTreeMap<String, f64> {
    let mut by_name = BTreeMap::new();
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    for thread in threads.filter_map(|entry| Some(entry.ok()?.path())) {
        let read = |file: &str| fs::read_to_string(thread.join(file)).ok();
        let (Some(name), Some(schedstat)) = (read("comm"), read("schedstat")) else { continue };
        let running_ns: f64 = schedstat.split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or_default();
        *by_name.entry(without_number(&name).to_owned()).or_default() += running_ns / 1e9;
    }
    by_name
}

fn without_number(name: &str) -> &str {
    name.trim_end().trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_of_one_kind_are_one() {
        for (name, kind) in [("scanner-12\n", "scanner"), ("journal\n", "journal"), ("bench", "bench")] {
            assert_eq!(without_number(name), kind);
        }
    }

    #[test]
    fn counts_between_two_moments() {
        let at = |cpu_s: f64, bytes_written, wake_ups| Usage {
            cpu_s: BTreeMap::from([("journal".to_owned(), cpu_s)]),
            bytes_written,
            wake_ups,
        };
        let added = at(3.0, 500, 12).since(&at(1.0, 100, 10));
        assert_eq!(added, at(2.0, 400, 2));
        assert!((added.cpu_total_s() - 2.0).abs() < 1e-9);
    }
}
