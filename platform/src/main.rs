//! The program: all of it is the library's, so that whoever tests the reader need not start a process.

fn main() -> anyhow::Result<()> {
    parceld_platform::main()
}
