//! `/t`: the page that a customer has of an order, in the shop's look. All that is public lies below it, so that a proxy
//! need let nothing else through.
//!
//! Who has the token may see and choose; nothing is done by following a link. A choice is a request to the site: the page
//! says so until the site's own event confirms it.

mod view;

pub use view::{WISHES, delayed, fetched_instead};

use super::support::segment;
use super::{Problem, Web};
use crate::command::Request;
use crate::counter::{self, Ask};
use crate::dossier::{self, Dossier};
use crate::shop::{self, Shop};
use crate::words::Words;
use crate::writer::Job;
use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::oneshot;
use view::{Ask as Feedback, View};

/// Nothing of it runs; forms come back here.
const CONTENT_SECURITY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);

#[derive(Deserialize)]
pub struct Language {
    lang: Option<String>,
}

#[derive(Template)]
#[template(path = "track.html")]
struct Page<'a> {
    shop: &'a Shop,
    words: &'a Words,
    view: View,
    token: &'a str,
    languages: Vec<&'a Arc<Words>>,
}

#[derive(Template)]
#[template(path = "lost.html")]
struct Lost<'a> {
    shop: &'a Shop,
    words: &'a Words,
}

impl Page<'_> {
    fn t(&self, key: &str) -> String {
        self.words.say(key)
    }

    /// Whether it is told how it arrived, was, or was with a comment.
    fn feedback(&self) -> &'static str {
        match self.view.feedback {
            Feedback::No => "",
            Feedback::Yes => "ask",
            Feedback::Given => "given",
            Feedback::Commented => "commented",
        }
    }

    /// Where a form goes to.
    fn to(&self, what: &str) -> String {
        format!("/t/{}/{what}?lang={}", self.token, self.words.language)
    }
}

pub async fn page(
    State(web): State<Web>,
    Path(token): Path<String>,
    Query(language): Query<Language>,
) -> Result<Response, Problem> {
    let (shops, now) = (Arc::clone(&web.shops), web.clock.now());
    web.read(move |db| {
        let known = dossier::by_token(db, &token)?;
        let known = known.and_then(|dossier| Some((shop::of_site(&shops, &dossier.site)?, dossier)));
        let Some((shop, dossier)) = known else { return lost(&shops, language.lang.as_deref()) };
        let words = speak(shop, &dossier, language.lang.as_deref());
        let view = view::view(&dossier, shop, words, now.at);
        let languages = shop.tongues.all().filter(|other| other.language != words.language).collect();
        let page = Page { shop, words, view, token: &token, languages };
        Ok(html(StatusCode::OK, page.render()?))
    })
    .await
}

/// A mail's link to end the messages: following it ends nothing, for programs follow links too.
pub async fn stop(Path(token): Path<String>) -> Redirect {
    Redirect::to(&format!("/t/{}#stop", segment(&token)))
}

/// The same link by POST is a mailbox's own button (RFC 8058).
pub async fn stop_at_once(
    state: State<Web>,
    Path(token): Path<String>,
    language: Query<Language>,
) -> Result<Response, Problem> {
    let from_page = language.lang.is_some();
    let done = ask(state, Path((token, "stop".into())), language, Form(BTreeMap::new())).await?;
    // A mailbox wants no redirect.
    Ok(if from_page { done } else { StatusCode::NO_CONTENT.into_response() })
}

/// `POST /t/{token}/{choice|return|feedback|stop|start}`.
pub async fn ask(
    State(web): State<Web>,
    Path((token, what)): Path<(String, String)>,
    Query(language): Query<Language>,
    Form(fields): Form<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let field = |name: &str| fields.get(name).map(|text| text.trim().to_owned()).unwrap_or_default();
    let ask = match what.as_str() {
        "choice" => Ask::Choose { choice: field("choice"), delay: fields.get("delay").cloned() },
        "feedback" => Ask::Feedback { arrived: field("arrived"), comment: field("comment") },
        "return" => Ask::Return { items: items(&fields), wish: field("wish") },
        "stop" => Ask::Stop(true),
        "start" => Ask::Stop(false),
        _ => return Err(Problem(StatusCode::NOT_FOUND, "there is no such form".into())),
    };
    let key = token.clone();
    let place = web.read(move |db| Ok(dossier::place(db, &key)?)).await?;
    let Some((site, order)) = place else {
        return Err(Problem(StatusCode::NOT_FOUND, "there is no such order".into()));
    };
    let (answer, done) = oneshot::channel();
    let request = Request::Counter { order, ask };
    super::api::submit(&web, Job::Ask { site, request, answer }, done).await?;
    let lang = language.lang.filter(|lang| crate::topic::is_level(&lang.to_ascii_lowercase()));
    let lang = lang.map(|lang| format!("?lang={lang}")).unwrap_or_default();
    Ok(Redirect::to(&format!("/t/{token}{lang}")).into_response())
}

pub async fn asset(Path(name): Path<String>) -> Response {
    let text = match name.as_str() {
        "tokens.css" => include_str!("../../assets/tokens.css"),
        "track.css" => include_str!("../../assets/track.css"),
        _ => return Problem(StatusCode::NOT_FOUND, "there is no such file".into()).into_response(),
    };
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], text).into_response()
}

/// `GET /t/shops/{shop}/{brand.css|logo}`.
pub async fn brand(State(web): State<Web>, Path((shop, file)): Path<(String, String)>) -> Response {
    let shop = web.shops.iter().find(|known| known.id == shop);
    match (shop.map(AsRef::as_ref), file.as_str()) {
        (Some(shop), "brand.css") => {
            ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], stylesheet(shop)).into_response()
        }
        (Some(Shop { logo: Some(logo), .. }), "logo") => {
            let mut response = ([(header::CONTENT_TYPE, logo.content)], logo.bytes.clone()).into_response();
            // Whoever opens the picture itself runs nothing of it.
            response
                .headers_mut()
                .insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
            response
        }
        _ => Problem(StatusCode::NOT_FOUND, "there is no such file".into()).into_response(),
    }
}

fn stylesheet(shop: &Shop) -> String {
    let tokens = |brand: &shop::Brand| {
        format!("--brand: {}; --on-brand: {}; --brand-soft: {};", brand.brand, brand.on_brand, brand.brand_soft)
    };
    format!(
        ":root {{ {} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {} }} }}\n",
        tokens(&shop.light),
        tokens(&shop.dark)
    )
}

fn speak<'a>(shop: &'a Shop, dossier: &Dossier, asked: Option<&str>) -> &'a Words {
    let language = asked.or(dossier.language()).unwrap_or_default();
    shop.tongues.speak(language)
}

fn lost(shops: &[Arc<Shop>], language: Option<&str>) -> Result<Response, Problem> {
    let Some(shop) = shops.first() else { return Err(Problem(StatusCode::NOT_FOUND, "there is no such order".into())) };
    let page = Lost { shop, words: shop.tongues.speak(language.unwrap_or_default()) };
    Ok(html(StatusCode::NOT_FOUND, page.render()?))
}

fn html(status: StatusCode, text: String) -> Response {
    let mut response = (status, Html(text)).into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY);
    response
}

/// Fields `item-SKU` of a return's form.
fn items(fields: &BTreeMap<String, String>) -> Vec<(String, i64)> {
    let chosen =
        fields.iter().filter_map(|(name, value)| Some((name.strip_prefix("item-")?.to_owned(), value.parse().ok()?)));
    chosen.filter(|(_, quantity)| 0 < *quantity).take(counter::RETURN_LINES_MAX).collect()
}
