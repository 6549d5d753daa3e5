//! What each part of a fleet has cost: processor time, with that of its children.

use std::fs;

use parceld_tests::process::Process;

/// Seconds of processor time, in user and kernel.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    pub broker_s: f64,
    pub platform_s: f64,
    pub database_s: f64,
    pub sites_s: f64,
}

impl Usage {
    pub fn since(self, before: Usage) -> Usage {
        Usage {
            broker_s: self.broker_s - before.broker_s,
            platform_s: self.platform_s - before.platform_s,
            database_s: self.database_s - before.database_s,
            sites_s: self.sites_s - before.sites_s,
        }
    }
}

/// Of a server whose connections are processes of their own.
pub fn with_children_s(process: &Process) -> f64 {
    let children = format!("/proc/{0}/task/{0}/children", process.pid());
    let children = fs::read_to_string(children).unwrap_or_default();
    // One that ends meanwhile has its time in its parent's, which is not counted again.
    let theirs = children.split_whitespace().filter_map(|child| of_stat_s(&format!("/proc/{child}/stat")));
    process.cpu_seconds() + theirs.sum::<f64>()
}

/// Of this process: the sites.
pub fn own_s() -> f64 {
    of_stat_s("/proc/self/stat").unwrap_or_default()
}

fn of_stat_s(path: &str) -> Option<f64> {
    let stat = fs::read_to_string(path).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    // utime and stime are fields 14 and 15 of proc_pid_stat(5), the name is field 2.
    let ticks: Option<u64> =
        after_name.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().ok()).sum();
    Some(ticks? as f64 / rustix::param::clock_ticks_per_second() as f64)
}
