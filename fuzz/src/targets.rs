//! The targets, by what they parse.

pub mod conversation;
pub mod lines;
pub mod packets;

pub mod barcode;
pub mod capture;
pub mod printer;
pub mod scan;

pub mod command;
pub mod event;
pub mod receipt;
pub mod report;

pub mod asked;
pub mod site;
mod world;

pub mod config;
pub mod head;
pub mod sheet;

pub mod database;
pub mod log;
pub mod page;
pub mod record;
