use parceld::{app, config, floor::barcode, journal::Reader};
use std::path::Path;
use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let args: Vec<String> = std::env::args().collect();
    let config = config::load(Path::new(args.iter().skip_while(|a| *a != "--config").nth(1).cloned().or(std::env::var("PARCELD_CONFIG").ok()).unwrap_or_default().as_str()))?;
    if args.iter().any(|a| a == "barcodes") {
        for (word, text) in barcode::sheet(&Reader::open(&config.storage.path)?.site_key()?.unwrap_or_default()) {
            println!("{word} {text}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    app::run(&config)
}
