//! A ZPL printer on a loopback port: keeps every label, answers `~HS` as printers do, and breaks as told.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::{net, wait};

const READ_BYTES_MAX: usize = 64 * 1024;

/// What keeps it from printing. What it is sent meanwhile it holds, and prints once it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    PaperOut,
    HeadOpen,
    RibbonOut,
    Paused,
    /// Out of paper too, of the kind that then answers nothing.
    Mute,
}

/// Dropping it switches it off.
#[derive(Debug)]
pub struct VirtualPrinter {
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

/// A label as it was sent, from `^XA` to `^XZ`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label(String);

#[derive(Debug)]
struct Shared {
    port: u16,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    is_on: bool,
    troubles: Vec<Trouble>,
    /// Troubles that begin with the next label.
    upcoming: Vec<Trouble>,
    bytes_left: Option<usize>,
    hangs_up: bool,
    held: Vec<Label>,
    printed: Vec<Label>,
    questions: usize,
    accepted: usize,
    connections: Vec<(usize, TcpStream)>,
}

impl VirtualPrinter {
    /// Switched on, with paper.
    #[must_use]
    pub fn start() -> VirtualPrinter {
        let mut printer = VirtualPrinter::switched_off();
        printer.switch_on();
        printer
    }

    /// Nobody listens on its port yet.
    #[must_use]
    pub fn switched_off() -> VirtualPrinter {
        let shared = Arc::new(Shared { port: net::free_port(), state: Mutex::default() });
        VirtualPrinter { shared, listener: None }
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.shared.port
    }

    /// No effect on one that is on.
    pub fn switch_on(&mut self) {
        if self.shared.lock().is_on {
            return;
        }
        self.join();
        self.shared.lock().is_on = true;
        let listener = net::listen(self.port());
        let shared = Arc::clone(&self.shared);
        self.listener = Some(thread::spawn(move || shared.listen(&listener)));
    }

    /// Connections break, nobody listens, and what it held is lost.
    pub fn switch_off(&mut self) {
        self.shared.switch_off();
        self.join();
    }

    /// From now on these, and no others; it prints what it held once there are none.
    pub fn set(&self, troubles: &[Trouble]) {
        self.shared.lock().set(troubles);
    }

    /// As [`set`](VirtualPrinter::set), once the next label has come: too late to refuse it.
    pub fn set_with_next_label(&self, troubles: &[Trouble]) {
        self.shared.lock().upcoming = troubles.to_vec();
    }

    /// Loses its power after so many bytes more.
    pub fn die_after(&self, bytes: usize) {
        self.shared.lock().bytes_left = Some(bytes);
    }

    /// Closes the connection whenever a label begins, or no longer does.
    pub fn hang_up_on_labels(&self, hangs_up: bool) {
        self.shared.lock().hangs_up = hangs_up;
    }

    /// What came out, in order.
    #[must_use]
    pub fn printed(&self) -> Vec<Label> {
        self.shared.lock().printed.clone()
    }

    /// Waits until so many labels came out, and returns all of them.
    #[track_caller]
    pub fn until_printed(&self, count: usize) -> Vec<Label> {
        wait::until(&format!("{count} labels"), wait::GENEROUS, || {
            let printed = self.printed();
            (count <= printed.len()).then_some(printed)
        })
    }

    /// How often it was asked for its status.
    #[must_use]
    pub fn questions(&self) -> usize {
        self.shared.lock().questions
    }

    /// How many connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.lock().connections.len()
    }

    fn join(&mut self) {
        if let Some(listener) = self.listener.take() {
            listener.join().expect("the printer's own thread doesn't panic");
        }
    }
}

impl Drop for VirtualPrinter {
    fn drop(&mut self) {
        self.switch_off();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(self: &Arc<Self>, listener: &TcpListener) {
        while let Ok((stream, _)) = listener.accept() {
            let number = {
                let mut state = self.lock();
                if !state.is_on {
                    return;
                }
                state.accepted += 1;
                let number = state.accepted;
                state.connections.push((number, stream.try_clone().expect("a descriptor is left")));
                number
            };
            let shared = Arc::clone(self);
            thread::spawn(move || {
                shared.serve(stream);
                shared.lock().connections.retain(|(other, _)| *other != number);
            });
        }
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut unread = Vec::new();
        let mut chunk = vec![0; READ_BYTES_MAX];
        while let Ok(count) = stream.read(&mut chunk) {
            if count == 0 || self.is_dead_after(count) {
                return;
            }
            unread.extend_from_slice(&chunk[..count]);
            while let Some(answer) = self.lock().take(&mut unread) {
                if answer.is_empty() || stream.write_all(answer.as_bytes()).is_err() {
                    return;
                }
            }
        }
    }

    fn is_dead_after(&self, count: usize) -> bool {
        let mut state = self.lock();
        let Some(left) = state.bytes_left else { return false };
        state.bytes_left = left.checked_sub(count);
        if state.bytes_left.is_some() {
            return false;
        }
        drop(state);
        self.switch_off();
        true
    }

    fn switch_off(&self) {
        {
            let mut state = self.lock();
            state.is_on = false;
            state.held.clear();
            for (_, stream) in state.connections.drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        // Wakes the listener from waiting for a connection, so that it ends.
        let _ = TcpStream::connect(net::loopback(self.port));
    }
}

impl State {
    fn set(&mut self, troubles: &[Trouble]) {
        self.troubles = troubles.to_vec();
        if self.troubles.is_empty() {
            self.printed.append(&mut self.held);
        }
    }

    /// Takes labels and the next question from the front of what was received. The answer to it; an empty one hangs up.
    fn take(&mut self, unread: &mut Vec<u8>) -> Option<String> {
        loop {
            let (question, label) = (find(unread, b"~HS"), find(unread, b"^XA"));
            if self.hangs_up && label.is_some() {
                return Some(String::new());
            }
            match (question, label) {
                (Some(question), _) if label.is_none_or(|label| question < label) => {
                    unread.drain(..question + 3);
                    self.questions += 1;
                    if !self.troubles.contains(&Trouble::Mute) {
                        return Some(self.status());
                    }
                }
                (_, Some(label)) => {
                    let end = find(unread, b"^XZ")? + 3;
                    let text = String::from_utf8_lossy(&unread[label..end]).into_owned();
                    unread.drain(..end);
                    self.held.push(Label(text));
                    let troubles = [std::mem::take(&mut self.troubles), std::mem::take(&mut self.upcoming)].concat();
                    self.set(&troubles);
                }
                _ => return None,
            }
        }
    }

    fn status(&self) -> String {
        let flag = |trouble| u8::from(self.troubles.contains(&trouble));
        let (paper, pause, head, ribbon) =
            (flag(Trouble::PaperOut), flag(Trouble::Paused), flag(Trouble::HeadOpen), flag(Trouble::RibbonOut));
        let formats = self.held.len();
        format!(
            "\u{2}030,{paper},{pause},1245,{formats:03},0,0,0,000,0,0,0\u{3}\r\n\
             \u{2}000,0,{head},{ribbon},1,2,4,0,00000000,1,000\u{3}\r\n\u{2}1234,0\u{3}\r\n"
        )
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

impl Label {
    #[must_use]
    pub fn zpl(&self) -> &str {
        &self.0
    }

    /// The texts that people read on it, in order.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        self.fields().into_iter().filter(|field| !field.is_code).map(|field| field.text()).collect()
    }

    /// Its Code 128 barcodes as a scanner sends them that names the symbology: `]C0` and the text, or `]C1` and a GS1
    /// element string.
    #[must_use]
    pub fn barcodes(&self) -> Vec<String> {
        self.fields().into_iter().filter(|field| field.is_code).map(|field| field.scanned()).collect()
    }

    fn fields(&self) -> Vec<Field<'_>> {
        let mut fields = Vec::new();
        let (mut is_code, mut is_hex) = (false, false);
        for command in self.0.split('^') {
            match command.get(..2) {
                Some("BC") => is_code = true,
                Some("FH") => is_hex = true,
                Some("FD") => fields.push(Field { data: &command[2..], is_code, is_hex }),
                Some("FS") => (is_code, is_hex) = (false, false),
                _ => {}
            }
        }
        fields
    }
}

struct Field<'l> {
    data: &'l str,
    is_code: bool,
    /// `_` begins two hexadecimal digits.
    is_hex: bool,
}

impl Field<'_> {
    fn text(&self) -> String {
        if !self.is_hex {
            return self.data.to_owned();
        }
        let mut parts = self.data.split('_');
        let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
        for part in parts {
            let (digits, rest) = part.split_at(2);
            bytes.push(u8::from_str_radix(digits, 16).expect("two hexadecimal digits"));
            bytes.extend_from_slice(rest.as_bytes());
        }
        String::from_utf8(bytes).expect("labels are UTF-8")
    }

    fn scanned(&self) -> String {
        let text = self.text();
        let mut characters = text.chars();
        let mut read = String::new();
        let mut is_gs1 = false;
        while let Some(c) = characters.next() {
            if c != '>' {
                read.push(c);
                continue;
            }
            match characters.next().expect("an invocation code has two characters") {
                // Starts and changes of subset.
                ':' | ';' | '5' | '6' => {}
                '8' if read.is_empty() => is_gs1 = true,
                '8' => read.push('\u{1d}'),
                '0' => read.push('>'),
                '<' => read.push('^'),
                '=' => read.push('~'),
                other => panic!("no invocation code: >{other} in {text}"),
            }
        }
        format!("]C{}{read}", u8::from(is_gs1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: &str = "\u{2}030,0,0,1245,000,0,0,0,000,0,0,0\u{3}\r\n\
                        \u{2}000,0,0,0,1,2,4,0,00000000,1,000\u{3}\r\n\u{2}1234,0\u{3}\r\n";

    fn connect(printer: &VirtualPrinter) -> TcpStream {
        let stream = TcpStream::connect(net::loopback(printer.port())).unwrap();
        stream.set_read_timeout(Some(wait::GENEROUS)).unwrap();
        stream
    }

    fn ask(stream: &mut TcpStream) -> String {
        stream.write_all(b"~HS").unwrap();
        let mut reply = vec![0; WELL.len()];
        stream.read_exact(&mut reply).unwrap();
        String::from_utf8(reply).unwrap()
    }

    #[test]
    fn prints_and_answers() {
        let printer = VirtualPrinter::start();
        let mut stream = connect(&printer);
        assert_eq!(ask(&mut stream), WELL);
        stream.write_all(b"^XA^FDone^FS^X").unwrap();
        stream.write_all(b"Z\n^XA^FDtwo^FS^XZ").unwrap();
        let printed: Vec<_> = printer.until_printed(2).iter().map(|label| label.zpl().to_owned()).collect();
        assert_eq!(printed, ["^XA^FDone^FS^XZ", "^XA^FDtwo^FS^XZ"]);
        assert_eq!(printer.questions(), 1);
    }

    #[test]
    fn holds_labels_while_in_trouble() {
        let printer = VirtualPrinter::start();
        let mut stream = connect(&printer);
        printer.set(&[Trouble::PaperOut, Trouble::HeadOpen]);
        stream.write_all(b"^XA^FDone^FS^XZ").unwrap();
        let reply = ask(&mut stream);
        assert!(reply.starts_with("\u{2}030,1,0,1245,001,"), "{reply:?}");
        assert!(reply.contains("\u{2}000,0,1,0,"), "{reply:?}");
        assert_eq!(printer.printed(), []);
        printer.set(&[]);
        assert_eq!(printer.until_printed(1).len(), 1);
        printer.set_with_next_label(&[Trouble::Paused]);
        stream.write_all(b"^XA^XZ").unwrap();
        assert!(ask(&mut stream).starts_with("\u{2}030,0,1,1245,001,"));
    }

    #[test]
    fn is_gone_and_back() {
        let mut printer = VirtualPrinter::start();
        let mut stream = connect(&printer);
        printer.set(&[Trouble::Mute]);
        stream.write_all(b"~HS^XA^FDlost^FS^XZ").unwrap();
        wait::until("the question", wait::GENEROUS, || (printer.questions() == 1).then_some(()));
        printer.switch_off();
        assert_eq!(stream.read(&mut [0; 1]).unwrap_or(0), 0);
        assert!(TcpStream::connect(net::loopback(printer.port())).is_err());
        printer.switch_on();
        printer.set(&[]);
        assert_eq!(ask(&mut connect(&printer)), WELL);
        assert_eq!(printer.printed(), [], "what it held was lost");
        printer.die_after(2);
        let mut stream = connect(&printer);
        stream.write_all(b"~HS").unwrap();
        assert_eq!(stream.read(&mut [0; 1]).unwrap_or(0), 0);
    }

    #[test]
    fn reads_labels_as_people_and_scanners_do() {
        let label = Label(
            "^XA^FO1,1^A0N,9^FH_^FDa_5Eb_C3_A5^FS^BCN,9,N,N,N^FD>;>80037>6A^FS\
             ^BCN,9,N,N,N^FD>:a>0b><c>=d_>8^FS^FDc_5E^FS^XZ"
                .to_owned(),
        );
        assert_eq!(label.texts(), ["a^bå", "c_5E"]);
        assert_eq!(label.barcodes(), ["]C10037A", "]C0a>b^c~d_\u{1d}"]);
    }
}
