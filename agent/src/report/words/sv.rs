//! Svenska.

use super::{Said, counted, each, steps};
use crate::report::{Fault, Log};

pub fn say(fault: &Fault, log: &Log) -> Said {
    let waiting = counted(log.backlog, "händelse väntar", "händelser väntar");
    let kept = Some(format!("Skanningar sparas här som vanligt: personalen kan fortsätta. {waiting} på plattformen."));
    match fault {
        Fault::StorageFailing { error } => Said {
            what: "Skanningar sparas inte".into(),
            reason: format!("Lagringen vägrar skriva: {error}."),
            todo: steps(&[
                "Personalen lägger ner varorna: varje skanning besvaras ”inte sparat” och måste göras om senare.",
                "Full disk? Frigör plats på databasens disk: df -h visar vilken.",
                "Skrivskyddat eller trasigt kort? Se kärnans logg: dmesg | tail. Byt kortet om den visar I/O-fel.",
                "Inget att starta om: skanningen går vidare av sig själv när det går att skriva igen.",
            ]),
            safe: Some(format!("Allt som fått grönt är sparat, till och med händelse {}.", log.head)),
        },
        Fault::DatabaseUnreadable { error } => Said {
            what: "Det går inte att titta i databasen".into(),
            reason: format!("Händelser kan inte visas här: {error}."),
            todo: steps(&["Kör parceld doctor på kortet: den kontrollerar filen."]),
            safe: Some("Skanningar sparas över en egen anslutning.".into()),
        },
        Fault::ScannersLost { station, lost, all } => Said {
            what: match all {
                true => format!("Ingen kan skanna på {station}"),
                false => format!("En skanner på {station} är borta"),
            },
            reason: format!("{}.", each(lost)),
            todo: steps(&[
                "Sätt i skannern igen; se på kabelns båda ändar. Den hittas av sig själv inom 2 sekunder.",
                "Prova en annan USB-port eller kabel, sedan en annan skanner med samma länk.",
                "Fortfarande borta? parceld doctor visar om porten finns och får öppnas.",
            ]),
            safe: Some("Allt som skannats tidigare är sparat.".into()),
        },
        Fault::NoScanner => Said {
            what: "Ingen skanner är inställd".into(),
            reason: "Bara parceld scan kan skanna här.".into(),
            todo: steps(&["Lägg till en [[scanner]] i konfigurationen och starta om."]),
            safe: None,
        },
        Fault::ScannerNotSetUp { scanner, reason } => Said {
            what: format!("{scanner} är inte inställd"),
            reason: format!("{reason}."),
            todo: steps(&[
                "Är den inställd på den drivrutin som konfigurationen anger? docs/hardware.md har inställningarna.",
                "Fel hastighet eller paritet? Jämför skannern med [[scanner]] i konfigurationen.",
                "Dra ur den och sätt i den igen: då får den sina inställningar på nytt.",
            ]),
            safe: Some("Det den läser sparas ändå; bara svaren kan saknas.".into()),
        },
        Fault::PrinterFaulty { printer, station, reason } => Said {
            what: format!("Inga etiketter på {station}"),
            reason: format!("{printer} {reason}."),
            todo: steps(&[
                "Se på skrivaren: etiketter, färgband, lucka, ström.",
                "Etiketter som väntar kommer ut av sig själva när den är klar igen; REPRINT gör en till.",
                "Fortsätt med etiketter som skrivits ut i förväg: parceld barcodes --parcels 50.",
            ]),
            safe: Some("Packningen går vidare: ett paket sparas med eller utan etikett.".into()),
        },
        Fault::BrokerDown { url, reason, attempts } => Said {
            what: "Ingen kontakt med plattformens broker".into(),
            reason: match reason {
                Some(reason) => format!("{url}: {reason}."),
                None => format!("{url} svarar inte ({}).", counted((*attempts).into(), "försök", "försök")),
            },
            todo: steps(&[
                "Har platsen nät? Se på routern och kortets kabel.",
                "Kör parceld doctor: den skiljer på namn, nät och inloggning.",
                "Om det bara är här: fråga plattformens jour om brokern är igång och känner den här platsen.",
            ]),
            safe: kept,
        },
        Fault::PublishRefused { reason, count } => Said {
            what: "Brokern tar inte emot händelser".into(),
            reason: match reason {
                Some(reason) => format!("{}, det senaste: {reason}.", counted(*count, "avslag", "avslag")),
                None => format!("{}.", counted(*count, "avslag", "avslag")),
            },
            todo: steps(&[
                "Be plattformens jour låta den här platsens användare publicera till sina egna ämnen (brokerns ACL).",
                "Har brokern en kvot? Då är den här platsens slut.",
            ]),
            safe: kept,
        },
        Fault::NoSubscriber { count, kept: true } => Said {
            what: "Ingen hämtar händelserna".into(),
            reason: format!("Brokern har sagt {} att ingen prenumererar.", counted(*count, "gång", "gånger")),
            todo: steps(&["Fråga plattformens jour: är prenumeranten för den här platsen igång?"]),
            safe: kept,
        },
        Fault::NoSubscriber { count, kept: false } => Said {
            what: "Händelser gick till ingen".into(),
            reason: format!(
                "Brokern tog emot {} som ingen prenumererade på, och inga kvitton väntas.",
                counted(*count, "händelse", "händelser")
            ),
            todo: steps(&[
                "Fråga plattformens jour: är prenumeranten för den här platsen igång?",
                "Låt plattformen begära det den saknar (events.resend).",
            ]),
            safe: Some("Händelserna finns kvar här så länge storage.keep säger.".into()),
        },
        Fault::ReceiptsNeverCame => Said {
            what: "Plattformen har aldrig kvitterat något".into(),
            reason: "Händelser går ut, men inget kvitto har någonsin kommit. Bara några få skickas, som prov.".into(),
            todo: steps(&[
                "Fråga plattformens jour: prenumererar den på platsens händelser och skickar den kvitton?",
                "Om plattformen aldrig skickar kvitton: sätt sync.forget = \"puback\", det svagare löftet.",
            ]),
            safe: kept,
        },
        Fault::ReceiptsMissing => Said {
            what: "Plattformen kvitterar inte längre".into(),
            reason: format!("Händelser går ut, men kvittona står still vid händelse {}.", log.received),
            todo: steps(&["Fråga plattformens jour: är prenumeranten för platsen igång, och kan den spara?"]),
            safe: kept,
        },
        Fault::ClockUntrusted => Said {
            what: "Klockan går fel".into(),
            reason: "Kortet vet inte vad klockan är: händelser får tider som inte kan stämma.".into(),
            todo: steps(&[
                "Låt kortet nå en tidsserver: timedatectl visar vilken det frågar.",
                "Se på kortets klockbatteri om det kommer tillbaka efter varje strömavbrott.",
            ]),
            safe: Some("Ordning och räkning beror inte på klockan.".into()),
        },
        Fault::Quarantined { count } => Said {
            what: "Meddelanden från plattformen gick inte att använda".into(),
            reason: format!("{} i karantän.", counted(*count as u64, "meddelande ligger", "meddelanden ligger")),
            todo: steps(&[
                "Se orsakerna i agentens logg: varje rad säger vad som var fel.",
                "Säg till plattformens jour: meddelandena följer inte kontraktet.",
            ]),
            safe: Some("Allt annat från plattformen används.".into()),
        },
        Fault::WeakPromise => Said {
            what: "Det svagare löftet är inställt".into(),
            reason: "Händelser får glömmas när brokern har dem, vare sig plattformen har sparat dem eller inte.".into(),
            todo: steps(&["Om plattformen skickar kvitton: sätt sync.forget = \"receipt\"."]),
            safe: None,
        },
    }
}

pub fn well(weak: bool) -> Said {
    let reason = match weak {
        false => "Skanningar sparas direkt och plattformen kvitterar dem.",
        true => "Skanningar sparas direkt och brokern tar emot dem.",
    };
    Said { what: "Allt bra".into(), reason: reason.into(), ..Said::default() }
}
