//! axe-core in a page: what keeps people from using it, by somebody else's rules.

use std::fs;

use serde_json::Value;

use super::page::Page;
use crate::npm;

/// Found wanting: `critical` keeps some people out, `serious` makes it very hard for them.
const REFUSED: [&str; 2] = ["critical", "serious"];

const RUN: &str = "axe.run(document, { resultTypes: ['violations'] }).then(({ violations, passes }) => ({
    passes: passes.length,
    violations: violations.map(({ id, impact, help, nodes }) => ({
        impact,
        text: `${id} (${impact}): ${help}\n` + nodes.map(node =>
            `    ${node.html}\n        ${node.failureSummary.replaceAll('\\n', '\\n        ')}`).join('\\n'),
    })),
}))";

/// The library's own script.
#[derive(Debug)]
pub struct Axe {
    script: String,
}

impl Axe {
    /// Installs it with npm where it isn't yet; `dir` is cargo's directory for what tests leave.
    ///
    /// # Panics
    /// Where npm can't.
    #[must_use]
    pub fn installed(dir: &str) -> Axe {
        let path = npm::packages(dir).join("node_modules/axe-core/axe.min.js");
        let script = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Axe { script }
    }

    /// What is serious or worse in the page as it is now: the rule, and each element with why. The page's own policy
    /// doesn't hold for a script that comes by the protocol.
    ///
    /// # Panics
    /// Where it can't judge the page.
    #[must_use]
    #[track_caller]
    pub fn objections(&self, page: &Page<'_>) -> Vec<String> {
        page.eval(&format!("if (!window.axe) {{ {} }}", self.script));
        let verdict = page.eval(RUN);
        assert!(verdict["passes"].as_u64().is_some_and(|passes| 0 < passes), "axe looked at nothing: {verdict}");
        let violations = verdict["violations"].as_array().expect("a list of violations");
        let refused = violations.iter().filter(|found| REFUSED.iter().any(|impact| found["impact"] == *impact));
        refused.map(|found| text(&found["text"])).collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
