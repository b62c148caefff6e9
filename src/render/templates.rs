//! Manifests as minijinja templates.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Error, ErrorKind, State, UndefinedBehavior};
use serde::Deserialize;
use serde_json::{Value, json};

use super::leads_to::leads_to;
use super::storage;
use crate::environment::{Environment, Project, Quantity};

/// The templates of a project with one environment's values.
pub struct Templates {
    engine: minijinja::Environment<'static>,
    context: Value,
    project: Arc<Project>,
}

impl Templates {
    /// Templates see every value of the environment, and `env`, `public`, `image()`, `file()`, `capped_mib` and
    /// `leads_to`, which the README describes.
    pub fn new(project: &Project, environment: &Environment) -> Self {
        let project = Arc::new(project.clone());
        let mut engine = minijinja::Environment::new();
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        engine.set_auto_escape_callback(|_| AutoEscape::None);
        engine.set_syntax(syntax());

        let files = Arc::clone(&project);
        engine.set_loader(move |name| {
            let path = format!("manifests/{name}");
            Ok(files.files("manifests").contains(&path).then(|| files.read(&path).unwrap_or_default()))
        });

        let images = environment.values.images.clone();
        engine.add_function("image", move |name: String| {
            images.get(&name).map(crate::environment::Image::reference).ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidOperation,
                    format!("image({name:?}): envs/default.yaml has no images.{name}"),
                )
            })
        });

        let files = Arc::clone(&project);
        engine.add_function("file", move |state: &State, name: String| {
            let folder = state.name().rsplit_once('/').map_or("", |(folder, _)| folder);
            let path = format!("manifests/{folder}/{name}");
            files
                .read(&path)
                .map_err(|error| Error::new(ErrorKind::InvalidOperation, format!("file({name:?}): {error:#}")))
        });

        let cap = environment.values.storage.clone();
        engine.add_filter("capped_mib", move |asked: String| {
            let size = storage::capped(&asked, &cap).and_then(|size| Ok(size.parse::<Quantity>()?.mib()));
            size.map_err(|error| Error::new(ErrorKind::InvalidOperation, format!("capped_mib: {error:#}")))
        });

        let namespace = environment.values.namespace.clone();
        engine.add_test("leads_to", move |url: String, service: String| leads_to(&url, &service, &namespace));

        let mut context = environment.context.clone();
        context["env"] = json!(environment.name);
        context["public"] = public(&environment.values.public_url);
        Self { engine, context, project }
    }

    /// Renders one manifest ("manifests/1-config/config.yaml") into its objects.
    ///
    /// # Errors
    /// Names the file, the line and the variable or the YAML that is wrong.
    pub fn render(&self, path: &str) -> Result<Vec<Value>> {
        let name = path.strip_prefix("manifests/").unwrap_or(path);
        self.project.read(path)?;
        let text = self
            .engine
            .get_template(name)
            .and_then(|template| template.render(minijinja::value::Serde(&self.context)))
            .map_err(|error| explain(path, &error))?;
        let mut objects = Vec::new();
        for document in serde_yaml::Deserializer::from_str(&text) {
            match Value::deserialize(document) {
                Ok(Value::Null) => {}
                Ok(value @ Value::Object(_)) => objects.push(value),
                Ok(_) => return Err(anyhow!("{path}: a document is not a mapping, so it is no Kubernetes object")),
                Err(error) => {
                    return Err(anyhow!("{path}: not valid YAML once rendered: {error}{}", line(&text, &error)));
                }
            }
        }
        Ok(objects)
    }
}

/// A line that holds only a block tag leaves no empty line behind.
fn syntax() -> SyntaxConfig {
    let mut builder = SyntaxConfig::builder();
    builder.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    builder.build().unwrap_or_default()
}

/// The line of the rendered text that a YAML error points at.
fn line(text: &str, error: &serde_yaml::Error) -> String {
    let number = error.location().map(|location| location.line());
    let line = number.and_then(|number| text.lines().nth(number.saturating_sub(1)));
    line.map_or_else(String::new, |line| format!(": `{}`", line.trim()))
}

fn explain(path: &str, error: &Error) -> anyhow::Error {
    let at = match (error.name(), error.line()) {
        (Some(name), Some(line)) => format!("manifests/{name}:{line}"),
        _ => path.to_owned(),
    };
    let what = match error.kind() {
        ErrorKind::UndefinedError => "a template variable that is not in envs/default.yaml".to_owned(),
        _ => error.kind().to_string(),
    };
    let detail = error.detail().map_or_else(String::new, |detail| format!(": {detail}"));
    anyhow!("{at}: {what}{detail}{}", undefined_expression(error))
}

/// What stands at the error's place in the template.
fn undefined_expression(error: &Error) -> String {
    let source = error.template_source().zip(error.line());
    let line = source.and_then(|(source, line)| source.lines().nth(line.saturating_sub(1)));
    line.map_or_else(String::new, |line| format!(": `{}`", line.trim()))
}

fn public(url: &str) -> Value {
    let parsed = url::Url::parse(url).ok();
    let host = parsed.as_ref().and_then(url::Url::host_str).unwrap_or_default();
    let scheme = parsed.as_ref().map_or("http", url::Url::scheme);
    let port = parsed.as_ref().and_then(url::Url::port_or_known_default).unwrap_or(80);
    json!({"url": url.trim_end_matches('/'), "scheme": scheme, "host": host, "port": port})
}
