//! The bill of materials: what the agent is made of, in CycloneDX 1.5, for programs that look for known faults.

use anyhow::Context;
use serde_json::{Value, json};

use super::architecture::Architecture;
use super::crates::Crate;
use super::release::Release;

/// One agent's. Crates that only help to build it are marked as excluded from it.
///
/// # Errors
/// Where the agent isn't among the crates.
pub fn cyclonedx(crates: &[Crate], release: &Release, architecture: Architecture) -> anyhow::Result<String> {
    let agent = crates.iter().find(|part| part.name == "parceld").context("the agent is not among its crates")?;
    let (of_the_agent, components): (Vec<_>, Vec<_>) = crates.iter().partition(|part| part.name == agent.name);
    let depend = |part: &&Crate| {
        let on: Vec<String> = part.needs.iter().map(|(name, version)| purl(name, version)).collect();
        json!({ "ref": purl(&part.name, &part.version), "dependsOn": on })
    };
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": release.timestamp,
            "component": component(agent, "application"),
            "properties": [
                { "name": "parceld:package", "value": release.version },
                { "name": "parceld:commit", "value": release.commit },
                { "name": "parceld:target", "value": architecture.triple() },
            ],
        },
        "components": components.iter().map(|part| component(part, "library")).collect::<Vec<_>>(),
        "dependencies": of_the_agent.iter().chain(&components).map(depend).collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&bill)? + "\n")
}

fn component(part: &Crate, kind: &str) -> Value {
    let mut component = json!({
        "type": kind,
        "bom-ref": purl(&part.name, &part.version),
        "name": part.name,
        "version": part.version,
        "scope": if part.is_linked { "required" } else { "excluded" },
        "purl": purl(&part.name, &part.version),
    });
    if !part.licence.is_empty() {
        component["licenses"] = json!([{ "expression": part.licence.replace('/', " OR ") }]);
    }
    if let Some(checksum) = &part.checksum {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    if let Some(repository) = &part.repository {
        component["externalReferences"] = json!([{ "type": "vcs", "url": repository }]);
    }
    component
}

/// A package URL; the `+` of build metadata has to be escaped in it.
fn purl(name: &str, version: &str) -> String {
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn part(name: &str, version: &str, is_linked: bool, needs: &[(&str, &str)]) -> Crate {
        let own = name == "parceld";
        Crate {
            name: name.to_owned(),
            version: version.to_owned(),
            licence: "MIT/Apache-2.0".to_owned(),
            repository: None,
            checksum: (!own).then(|| "c0ffee".to_owned()),
            directory: String::new().into(),
            is_linked,
            needs: needs
                .iter()
                .map(|(name, version)| ((*name).to_owned(), (*version).to_owned()))
                .collect::<BTreeSet<_>>(),
        }
    }

    #[test]
    fn lists_what_is_linked_what_only_builds_and_what_needs_what() {
        let crates = [
            part("cc", "1.2.0", false, &[]),
            part("parceld", "0.1.0", true, &[("cc", "1.2.0"), ("toml", "1.2.1+spec-1.1.0")]),
            part("toml", "1.2.1+spec-1.1.0", true, &[]),
        ];
        let release = Release {
            version: "0.1.0-1".to_owned(),
            commit: "00beb82".to_owned(),
            epoch_s: 0,
            date: String::new(),
            timestamp: "1970-01-01T00:00:00Z".to_owned(),
            is_changed: false,
        };
        let bill: Value = serde_json::from_str(&cyclonedx(&crates, &release, Architecture::Arm64).unwrap()).unwrap();
        assert_eq!(bill["metadata"]["component"]["purl"], "pkg:cargo/parceld@0.1.0");
        let components = bill["components"].as_array().unwrap();
        let scopes: Vec<_> = components.iter().map(|part| (&part["name"], &part["scope"])).collect();
        assert_eq!(json!(scopes), json!([["cc", "excluded"], ["toml", "required"]]));
        assert_eq!(components[1]["hashes"], json!([{ "alg": "SHA-256", "content": "c0ffee" }]));
        assert_eq!(components[1]["licenses"], json!([{ "expression": "MIT OR Apache-2.0" }]));
        assert_eq!(
            bill["dependencies"][0],
            json!({
                "ref": "pkg:cargo/parceld@0.1.0",
                "dependsOn": ["pkg:cargo/cc@1.2.0", "pkg:cargo/toml@1.2.1%2Bspec-1.1.0"],
            })
        );
    }
}
