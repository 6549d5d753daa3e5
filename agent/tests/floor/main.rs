//! What a scan means, as scripts that read like the floor: through the real journal, on a real file.
//!
//! `TIME_MS CODE[@STATION] → SIGNAL [PROGRESS] [(REASON)] [?ASK] [[EVENTS]]`. A code is a command's word (`DONE`,
//! `R-DAMAGED`, `Q-5`, `OP:op-7`), a place (`BIN:B1`, `TOTE:t1`, `LINE:2`), a product's letter with what else its code
//! says (`A+s=S1+l=L1+e=2027-01-31+w=500+u=12`), `p1` for the SSCC of serial 1, or any other text; `!!` behind it says that the scanner sends it again, `!?` that it perhaps
//! does. `unit` stands for a
//! unit picked and packed, `FINISHED` for the events that end an order at the bench, and `-` for no event at all; a
//! script that names no events does not look at them. The event of a refused scan stands for itself.
//! What is not a time is what happens between scans: `put`, `cancel`, `hold`, `release`, `expedite`, `label`, `return`,
//! `stock`, `catalog`, `restart`, `crash`.

#![expect(clippy::unwrap_used, reason = "what fails here is a failed test")]

#[path = "../site/mod.rs"]
mod site;

mod bench;
mod between;
mod corrections;
mod door;
mod labels;
mod meanwhile;
mod notices;
mod people;
mod play;
mod returns;
mod rounds;
mod stock;
mod two_steps;
