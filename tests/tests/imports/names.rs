//! Which crates and modules a source names, read from its tokens: in `use`, in paths, inside macros and attributes.
//!
//! A path counts where it starts with a crate, with `crate`, `self` or `super`, or with a name that a `use` of the same
//! file gave to one of these. Any other starts in the module itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// One source file of a package.
pub struct Source {
    /// From the workspace's root.
    pub file: String,
    /// Its place in its crate, for example `["domain", "order"]`; empty for the crate's root.
    pub module: Vec<String>,
    /// Modules that are declared here under `#[cfg(test)]`.
    pub test_modules: Vec<Vec<String>>,
    owner: String,
    paths: Vec<RawPath>,
}

/// The crates that a source can name, as code spells them.
pub struct Crates {
    pub own: &'static str,
    pub others: BTreeSet<String>,
}

/// Something that a source names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    pub line: usize,
    /// Another crate than its own.
    pub other_crate: Option<String>,
    /// From the crate's root.
    pub path: Vec<String>,
}

/// A path as it is written.
struct RawPath {
    line: usize,
    segments: Vec<String>,
    /// Where it is written.
    module: Vec<String>,
    /// The name which a `use` gives to it.
    gives: Option<String>,
}

impl Source {
    /// # Panics
    /// Where `text` isn't made of Rust's tokens.
    pub fn parse(folder: &str, inside: &str, text: &str) -> Source {
        let file = format!("{folder}{inside}");
        let tokens = text.parse().unwrap_or_else(|error| panic!("{file}: {error}"));
        let (module, owner) = place(inside);
        let mut source = Source { file, module, test_modules: Vec::new(), owner, paths: Vec::new() };
        source.read(tokens, &source.module.clone());
        source
    }

    /// The top module that it belongs to; `lib` or `main` for a root.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// All that it names outside test code, in the order of lines.
    pub fn names(&self, crates: &Crates) -> Vec<Name> {
        let mut given = BTreeMap::new();
        let mut names = Vec::new();
        let (imports, inline): (Vec<_>, Vec<_>) = self.paths.iter().partition(|path| path.gives.is_some());
        for path in imports.into_iter().chain(inline) {
            let Some(name) = path.resolve(crates, &given) else { continue };
            if let Some(gives) = &path.gives {
                given.insert(gives.as_str(), name.clone());
            }
            names.push(name);
        }
        names.sort_by_key(|name| name.line);
        names
    }

    fn read(&mut self, tokens: TokenStream, module: &[String]) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = tokens.as_slice();
        while let Some((_, after)) = rest.split_first() {
            rest = match rest {
                [hash, TokenTree::Group(attribute), item @ ..]
                    if is(hash, '#') && is_for_tests(&attribute.stream()) =>
                {
                    self.skip_item(item, module)
                }
                [TokenTree::Ident(word), ..] if word == "use" && !after.first().is_some_and(|next| is(next, '<')) => {
                    self.read_use(after, module)
                }
                [TokenTree::Ident(word), TokenTree::Ident(named), TokenTree::Ident(name), after @ ..]
                    if word == "extern" && named == "crate" =>
                {
                    self.push(name.span().start().line, vec![name.to_string()], module, Some(name.to_string()));
                    after
                }
                [TokenTree::Ident(word), TokenTree::Ident(name), TokenTree::Group(body), after @ ..]
                    if word == "mod" =>
                {
                    self.read(body.stream(), &[module, &[name.to_string()]].concat());
                    after
                }
                [TokenTree::Ident(_), ..] => self.read_path(rest, module),
                [TokenTree::Group(group), ..] => {
                    self.read(group.stream(), module);
                    after
                }
                _ => after,
            };
        }
    }

    /// Skips up to the end of an item: its body, or a semicolon.
    fn skip_item<'a>(&mut self, tokens: &'a [TokenTree], module: &[String]) -> &'a [TokenTree] {
        let mut rest = tokens;
        while let Some((token, after)) = rest.split_first() {
            if let [TokenTree::Ident(word), TokenTree::Ident(name), end, ..] = rest
                && word == "mod"
                && is(end, ';')
            {
                self.test_modules.push([module, &[name.to_string()]].concat());
            }
            rest = after;
            if is(token, ';') || is_braced(token) {
                break;
            }
        }
        rest
    }

    fn read_use<'a>(&mut self, tokens: &'a [TokenTree], module: &[String]) -> &'a [TokenTree] {
        let end = tokens.iter().position(|token| is(token, ';')).unwrap_or(tokens.len());
        self.read_use_tree(&tokens[..end], &[], module);
        &tokens[end..]
    }

    fn read_use_tree(&mut self, tokens: &[TokenTree], prefix: &[String], module: &[String]) {
        for branch in tokens.split(|token| is(token, ',')) {
            let mut segments = prefix.to_vec();
            let mut alias = None;
            let mut line = None;
            let mut rest = branch;
            while let Some((token, after)) = rest.split_first() {
                rest = after;
                match token {
                    TokenTree::Ident(word) if word == "as" => {
                        alias = after.first().map(ToString::to_string);
                        break;
                    }
                    TokenTree::Ident(word) => segments.push(word.to_string()),
                    TokenTree::Punct(star) if star.as_char() == '*' => segments.push("*".to_owned()),
                    TokenTree::Group(branches) => {
                        let branches: Vec<TokenTree> = branches.stream().into_iter().collect();
                        self.read_use_tree(&branches, &segments, module);
                        segments.clear();
                    }
                    TokenTree::Punct(_) | TokenTree::Literal(_) => {}
                }
                line = line.or(Some(token.span().start().line));
            }
            if 1 < segments.len() && segments.last().is_some_and(|last| last == "self") {
                segments.pop();
            }
            if let (Some(line), Some(last)) = (line, segments.last().cloned()) {
                self.push(line, segments, module, alias.or(Some(last)));
            }
        }
    }

    /// Reads `a::b::c`. A single name says nothing that a `use` hasn't said.
    fn read_path<'a>(&mut self, tokens: &'a [TokenTree], module: &[String]) -> &'a [TokenTree] {
        let mut segments = vec![tokens[0].to_string()];
        let mut rest = &tokens[1..];
        while let [first, second, TokenTree::Ident(next), after @ ..] = rest
            && are_colons(first, second)
        {
            segments.push(next.to_string());
            rest = after;
        }
        if 1 < segments.len() {
            self.push(tokens[0].span().start().line, segments, module, None);
        }
        rest
    }

    fn push(&mut self, line: usize, segments: Vec<String>, module: &[String], gives: Option<String>) {
        self.paths.push(RawPath { line, segments, module: module.to_vec(), gives });
    }
}

impl RawPath {
    fn resolve(&self, crates: &Crates, given: &BTreeMap<&str, Name>) -> Option<Name> {
        let (first, rest) = self.segments.split_first()?;
        let (other_crate, mut path) = match first.as_str() {
            "crate" => (None, Vec::new()),
            "self" => (None, self.module.clone()),
            "super" => (None, self.module.split_last()?.1.to_vec()),
            own if own == crates.own => (None, Vec::new()),
            name if given.contains_key(name) => (given[name].other_crate.clone(), given[name].path.clone()),
            other if crates.others.contains(other) => (Some(other.to_owned()), Vec::new()),
            _ => return None,
        };
        for segment in rest {
            match segment.as_str() {
                "super" => drop(path.pop()),
                _ => path.push(segment.clone()),
            }
        }
        Some(Name { line: self.line, other_crate, path })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.other_crate.as_deref().unwrap_or("crate"))?;
        self.path.iter().try_for_each(|segment| write!(f, "::{segment}"))
    }
}

/// The module of a file inside `src/`, and its owner.
fn place(inside: &str) -> (Vec<String>, String) {
    let mut module: Vec<String> = inside.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    let owner = module[0].clone();
    if ["mod", "lib", "main"].contains(&module[module.len() - 1].as_str()) {
        module.pop();
    }
    (module, owner)
}

fn is(token: &TokenTree, punctuation: char) -> bool {
    matches!(token, TokenTree::Punct(it) if it.as_char() == punctuation)
}

fn are_colons(first: &TokenTree, second: &TokenTree) -> bool {
    matches!(first, TokenTree::Punct(it) if it.as_char() == ':' && it.spacing() == Spacing::Joint) && is(second, ':')
}

fn is_braced(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

fn is_for_tests(attribute: &TokenStream) -> bool {
    attribute.to_string().replace(' ', "") == "cfg(test)"
}
