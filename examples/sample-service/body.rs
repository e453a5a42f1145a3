//! JSON bodies in and out, with messages that name the field at fault, and the metrics page.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::registry::Registry;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// What is wrong with a request.
#[derive(Debug, PartialEq, Serialize)]
pub struct Invalid {
    /// The field at fault; absent when the body as a whole is unusable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    pub message: String,
}

impl Invalid {
    pub fn field(name: &str, message: impl std::fmt::Display) -> Self {
        Self { field: Some(name.to_owned()), message: format!("{name}: {message}") }
    }
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Invalid {}

impl IntoResponse for Invalid {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, Json(self)).into_response()
    }
}

/// A JSON object whose fields are taken one by one, so that an error can say which one it is about.
#[derive(Debug)]
pub struct Fields(Map<String, Value>);

impl Fields {
    /// Reads the body; a field outside `known` is refused rather than ignored, because it is most likely misspelt.
    pub fn parse(body: &[u8], known: &[&str]) -> Result<Self, Invalid> {
        let fields: Map<String, Value> = serde_json::from_slice(body)
            .map_err(|error| Invalid { field: None, message: format!("the body is not a JSON object: {error}") })?;
        match fields.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(Invalid::field(name, format!("unknown field, expected {}", known.join(", ")))),
            None => Ok(Self(fields)),
        }
    }

    pub fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Invalid> {
        let Some(value) = self.0.remove(name) else { return Ok(None) };
        serde_json::from_value(value).map(Some).map_err(|error| Invalid::field(name, error))
    }

    pub fn required<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Invalid> {
        self.optional(name)?.ok_or_else(|| Invalid::field(name, "required"))
    }
}

/// An error answer that is not about one field.
pub fn message(status: StatusCode, message: impl std::fmt::Display) -> Response {
    (status, Json(serde_json::json!({"message": message.to_string()}))).into_response()
}

/// The metrics page.
pub fn metrics(registry: &Registry) -> Response {
    let mut page = String::new();
    if prometheus_client::encoding::text::encode(&mut page, registry).is_err() {
        return message(StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written");
    }
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], page).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_field() {
        let mut fields = Fields::parse(br#"{"rate": "fast"}"#, &["rate", "user"]).unwrap();
        let error = fields.required::<f64>("rate").unwrap_err();
        assert_eq!(error.field.as_deref(), Some("rate"));
        assert!(error.message.starts_with("rate: invalid type: string \"fast\""), "{error}");
        assert_eq!(fields.required::<String>("user").unwrap_err().message, "user: required");
    }

    #[test]
    fn unknown_fields_and_other_bodies_are_refused() {
        let error = Fields::parse(br#"{"rat": 1}"#, &["rate"]).unwrap_err();
        assert_eq!(error.message, "rat: unknown field, expected rate");
        for body in ["", "[]", "3", "{", "{\"rate\":1} x"] {
            assert!(Fields::parse(body.as_bytes(), &["rate"]).unwrap_err().field.is_none(), "{body}");
        }
    }
}
