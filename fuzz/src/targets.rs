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
pub mod presence;
pub mod receipt;
pub mod report;

pub mod asked;
pub mod http;
pub mod site;
mod world;

pub mod command_line;
pub mod config;
pub mod control;
pub mod head;
pub mod sheet;
pub mod shops;

pub mod database;
pub mod log;
pub mod page;
pub mod record;
pub mod salvage;
