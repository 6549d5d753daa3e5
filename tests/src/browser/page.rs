//! One page: opened, asked, waited for and looked at.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::kept::{BINDING, Heard, Kept};
use super::look::Look;
use super::wire::{Wire, shown};
use crate::wait;

/// A tab with cookies of its own. Closed when dropped.
#[derive(Debug)]
pub struct Page<'b> {
    wire: &'b Wire,
    context: String,
    session: String,
    kept: RefCell<Kept>,
}

impl<'b> Page<'b> {
    #[track_caller]
    pub(super) fn new(wire: &'b Wire) -> Page<'b> {
        let text = |value: &Value| value.as_str().expect("the browser names what it makes").to_owned();
        let context = text(&wire.call("Target.createBrowserContext", &json!({}))["browserContextId"]);
        let target = wire.call("Target.createTarget", &json!({ "url": "about:blank", "browserContextId": context }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = text(&wire.call("Target.attachToTarget", &attach)["sessionId"]);
        let kept = RefCell::new(Kept::new(wire.listen(&session)));
        let page = Page { wire, context, session, kept };
        for domain in ["Page", "Runtime", "Network", "Log"] {
            page.call(&format!("{domain}.enable"), &json!({}));
        }
        page.call("Page.setLifecycleEventsEnabled", &json!({ "enabled": true }));
        page.call("Runtime.addBinding", &json!({ "name": BINDING }));
        page.look(Look::sized(1280, 800));
        page
    }

    /// From now on, also without another [`open`](Page::open).
    #[track_caller]
    pub fn look(&self, look: Look) {
        for (method, params) in look.calls() {
            self.call(method, &params);
        }
    }

    /// As a browser that runs no scripts, for pages opened from now on.
    #[track_caller]
    pub fn without_scripts(&self) {
        self.call("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
    }

    /// Runs before any script of the pages that are opened from now on.
    #[track_caller]
    pub fn prepare(&self, script: &str) {
        self.call("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": script }));
    }

    /// Hears the document's events of that name, in pages opened from now on.
    #[track_caller]
    pub fn listen(&self, event: &str) {
        self.prepare(&format!(
            "document.addEventListener({event:?}, event => \
             {BINDING}(JSON.stringify({{ name: event.type, detail: event.detail }})))"
        ));
    }

    /// Opens `url` and waits until all of it has loaded.
    ///
    /// # Panics
    /// Where nothing can be shown: a page with an error status can.
    #[track_caller]
    pub fn open(&self, url: &str) {
        let begun = self.call("Page.navigate", &json!({ "url": url }));
        assert!(begun["errorText"].is_null(), "{url}: {}", begun["errorText"]);
        let has_loaded = |kept: &mut Kept| kept.loaded.iter().any(|loader| begun["loaderId"] == **loader).then_some(());
        let loaded = self.kept.borrow_mut().until(wait::GENEROUS, has_loaded);
        assert!(loaded.is_some(), "{url} doesn't finish loading");
    }

    /// The value of an expression, or what its promise came to; `undefined` is null.
    ///
    /// # Panics
    /// Where it throws.
    #[track_caller]
    pub fn eval(&self, expression: &str) -> Value {
        self.try_eval(expression).unwrap_or_else(|error| panic!("{error}\nin {}", shown(expression)))
    }

    /// Waits until the expression is true of the page, and returns its value.
    ///
    /// # Panics
    /// With `what`, once a generous deadline has passed.
    #[track_caller]
    pub fn until(&self, what: &str, expression: &str) -> Value {
        self.until_within(what, wait::GENEROUS, expression)
    }

    /// The same with a deadline that is promised.
    ///
    /// # Panics
    /// With `what`, once the deadline has passed.
    #[track_caller]
    pub fn until_within(&self, what: &str, deadline: Duration, expression: &str) -> Value {
        // A document that is just being replaced answers nothing.
        let is_true = |value: &Value| ![json!(null), json!(false), json!(0), json!("")].contains(value);
        wait::until(what, deadline, || self.try_eval(expression).ok().filter(is_true))
    }

    /// The text of the first element that `selector` finds, as it is rendered.
    ///
    /// # Panics
    /// Where there is none.
    #[track_caller]
    pub fn text(&self, selector: &str) -> String {
        let text = self.eval(&format!("document.querySelector({selector:?})?.innerText"));
        text.as_str().unwrap_or_else(|| panic!("the page has no {selector}")).to_owned()
    }

    /// Clicks the middle of the first element that `selector` finds, as a mouse does.
    ///
    /// # Panics
    /// Where there is none, or it isn't on the screen.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        let middle = self.eval(&format!(
            "(() => {{ const it = document.querySelector({selector:?}); it?.scrollIntoView({{ block: 'center' }}); \
             const box = it?.getBoundingClientRect(); \
             return box?.width ? [box.x + box.width / 2, box.y + box.height / 2] : null }})()"
        ));
        assert!(!middle.is_null(), "no {selector} on the screen");
        for kind in ["mousePressed", "mouseReleased"] {
            let click = json!({ "type": kind, "x": middle[0], "y": middle[1], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", &click);
        }
    }

    /// The document as it is now, in HTML.
    #[must_use]
    #[track_caller]
    pub fn dom(&self) -> String {
        self.eval("document.documentElement.outerHTML").as_str().unwrap_or_default().to_owned()
    }

    /// The URLs of all that it asked the network for since it is a page, sorted.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        let mut kept = self.kept.borrow_mut();
        kept.catch_up();
        let mut requests = kept.requests.clone();
        requests.sort();
        requests.dedup();
        requests
    }

    /// How often it has asked the network for a URL that ends so.
    #[must_use]
    pub fn asked(&self, end: &str) -> usize {
        let mut kept = self.kept.borrow_mut();
        kept.catch_up();
        kept.requests.iter().filter(|url| url.ends_with(end)).count()
    }

    /// What went wrong in it so far: errors and warnings of scripts, broken policies, what couldn't be loaded.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut kept = self.kept.borrow_mut();
        kept.catch_up();
        kept.faults.clone()
    }

    /// Forgets the faults that are known.
    pub fn forgive(&self) {
        let mut kept = self.kept.borrow_mut();
        kept.catch_up();
        kept.faults.clear();
    }

    /// The next event that the page told of and that wasn't asked for yet.
    ///
    /// # Panics
    /// Where none comes.
    #[track_caller]
    pub fn heard(&self) -> Heard {
        self.heard_within(wait::GENEROUS).expect("the page tells of nothing")
    }

    /// The same; `None` where none comes within `patience`.
    pub fn heard_within(&self, patience: Duration) -> Option<Heard> {
        let first = |kept: &mut Kept| (!kept.heard.is_empty()).then(|| kept.heard.remove(0));
        self.kept.borrow_mut().until(patience, first)
    }

    /// What is on the screen now, as PNG in base64.
    #[must_use]
    #[track_caller]
    pub fn png_base64(&self) -> String {
        let picture = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        picture["data"].as_str().unwrap_or_default().to_owned()
    }

    /// Writes what is on the screen now to `png`.
    #[track_caller]
    pub fn picture(&self, png: &Path) {
        let picture = BASE64_STANDARD.decode(self.png_base64()).expect("a picture is in base64");
        fs::write(png, picture).unwrap_or_else(|error| panic!("cannot write {}: {error}", png.display()));
    }

    #[track_caller]
    fn call(&self, method: &str, params: &Value) -> Value {
        self.ask(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    #[track_caller]
    fn ask(&self, method: &str, params: &Value) -> Result<Value, String> {
        self.wire.ask(Some(&self.session), method, params)
    }

    fn try_eval(&self, expression: &str) -> Result<Value, String> {
        let params = json!({
            "expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true,
        });
        let mut answer = self.ask("Runtime.evaluate", &params)?;
        match answer.get("exceptionDetails") {
            Some(thrown) => Err(thrown["exception"]["description"].as_str().unwrap_or("thrown").to_owned()),
            None => Ok(answer["result"]["value"].take()),
        }
    }
}

impl Drop for Page<'_> {
    fn drop(&mut self) {
        self.wire.forget(&self.session);
        if !thread::panicking() {
            // Takes its tab with it.
            self.wire.call("Target.disposeBrowserContext", &json!({ "browserContextId": self.context }));
        }
    }
}
