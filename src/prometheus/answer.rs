//! Answers that are read while they come: with thousands of profiles one has tens of megabytes, of which little is kept.

use std::{borrow::Cow, fmt, io};

use axum::body::Bytes;
use prometheus_http_query::reqwest::{self, Response};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use tokio::sync::mpsc;

/// Pieces of a body that wait to be read: enough that neither side waits for the other at each.
const PIECES: usize = 8;

/// The most that is read of an answer that says no.
const REFUSAL: usize = 64 * 1024;

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It broke off.
    #[error(transparent)]
    Connection(#[from] reqwest::Error),
    /// It is something else.
    #[error(transparent)]
    Form(#[from] serde_json::Error),
    /// The thread that reads it has ended.
    #[error("reading the answer was given up")]
    Ended,
}

/// A body on the way, for a thread that may wait.
pub struct Body {
    pieces: mpsc::Receiver<Bytes>,
    piece: Bytes,
}

impl io::Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let length = (&*self.piece).read(buffer)?;
        drop(self.piece.split_to(length));
        Ok(length)
    }
}

/// Reads a body on a thread of its own, while it comes.
pub async fn read<T: Send + 'static>(
    mut response: Response,
    parse: impl FnOnce(io::BufReader<Body>) -> serde_json::Result<T> + Send + 'static,
) -> Result<T, ReadError> {
    let (to, pieces) = mpsc::channel(PIECES);
    let body = io::BufReader::with_capacity(32 * 1024, Body { pieces, piece: Bytes::new() });
    let reading = tokio::task::spawn_blocking(move || parse(body));
    while let Some(piece) = response.chunk().await? {
        if to.send(piece).await.is_err() {
            break; // It is read to where it is wrong.
        }
    }
    drop(to);
    Ok(reading.await.map_err(|_| ReadError::Ended)??)
}

/// What an answer says that says no, as far as it is read.
pub async fn refusal(mut response: Response) -> String {
    let mut text = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        text.extend(piece);
        if text.len() > REFUSAL {
            break;
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// What Prometheus says when it refuses a query.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Refusal {
    /// Its kind, such as `bad_data`.
    pub error_type: String,
    /// The error.
    pub error: String,
}

/// One series at one time.
#[derive(Debug, Clone, Deserialize)]
pub struct Sample {
    /// Its labels, the name among them.
    metric: Labels,
    value: (f64, Number),
}

/// Labels in the order in which they came.
#[derive(Debug, Clone, Default)]
struct Labels(Vec<(Cow<'static, str>, String)>);

/// A number that stands in quotes, for JSON has no `NaN`.
#[derive(Debug, Clone, Copy)]
struct Number(f64);

impl Sample {
    /// Its value.
    pub const fn value(&self) -> f64 {
        self.value.1.0
    }

    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.metric.0.iter().find(|(label, _)| label == name).map(|(_, value)| &**value)
    }

    /// Takes the value of a label out.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let at = self.metric.0.iter().position(|(label, _)| label == name)?;
        Some(self.metric.0.swap_remove(at).1)
    }

    /// The labels that are left.
    pub fn rest(self) -> impl Iterator<Item = (Cow<'static, str>, String)> {
        self.metric.0.into_iter()
    }
}

/// Names that nearly every label has: they take no memory.
const KNOWN: [&str; 4] = ["__name__", "namespace", "profile", "objective"];

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Name(Cow<'static, str>);
        impl<'de> Deserialize<'de> for Name {
            fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
                json.deserialize_str(Text(|text: &str| {
                    let known = KNOWN.into_iter().find(|known| *known == text);
                    Some(Self(known.map_or_else(|| Cow::Owned(text.to_owned()), Cow::Borrowed)))
                }))
            }
        }
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Labels;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let mut all = Vec::with_capacity(KNOWN.len());
                while let Some((Name(name), value)) = map.next_entry()? {
                    all.push((name, value));
                }
                Ok(Labels(all))
            }
        }
        json.deserialize_map(Pairs)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_str(Text(|text: &str| text.parse().ok().map(Self)))
    }
}

/// Makes something of a text without keeping it.
struct Text<F>(F);

impl<T, F: Fn(&str) -> Option<T>> Visitor<'_> for Text<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number in quotes, or the name of a label")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

/// Reads the answer to an instant query, and hands each sample of its vector over. Gives what Prometheus says instead where it refuses.
pub fn vector(from: impl io::Read, take: impl FnMut(Sample)) -> serde_json::Result<Option<Refusal>> {
    let mut json = serde_json::Deserializer::from_reader(from);
    let refused = Whole(take).deserialize(&mut json)?;
    json.end()?;
    Ok(refused)
}

struct Whole<F>(F);
struct Data<'a, F>(&'a mut F);
struct Vector<'a, F>(&'a mut F);

impl<'de, F: FnMut(Sample)> DeserializeSeed<'de> for Whole<F> {
    type Value = Option<Refusal>;
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de, F: FnMut(Sample)> Visitor<'de> for Whole<F> {
    type Value = Option<Refusal>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer of Prometheus")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut answered, mut refusal) = (false, Refusal::default());
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "data" => {
                    map.next_value_seed(Data(&mut self.0))?;
                    answered = true;
                }
                "errorType" => refusal.error_type = map.next_value()?,
                "error" => refusal.error = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        match (refusal.error_type.is_empty() && refusal.error.is_empty(), answered) {
            (true, true) => Ok(None),
            (true, false) => Err(A::Error::missing_field("data")),
            (false, _) => Ok(Some(refusal)),
        }
    }
}

impl<'de, F: FnMut(Sample)> DeserializeSeed<'de> for Data<'_, F> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de, F: FnMut(Sample)> Visitor<'de> for Data<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the data of an answer")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "result" {
                map.next_value_seed(Vector(self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

impl<'de, F: FnMut(Sample)> DeserializeSeed<'de> for Vector<'_, F> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(Sample)> Visitor<'de> for Vector<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a vector")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut samples: A) -> Result<(), A::Error> {
        while let Some(sample) = samples.next_element()? {
            (self.0)(sample);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = (Vec<(String, f64)>, Option<Refusal>);

    fn read(text: &str) -> Result<Read, String> {
        let mut all = Vec::new();
        let refused = vector(text.as_bytes(), |sample| {
            all.push((sample.label("__name__").unwrap_or_default().to_owned(), sample.value()));
        });
        refused.map(|refused| (all, refused)).map_err(|error| error.to_string())
    }

    #[test]
    fn every_sample_of_a_vector_is_handed_over() {
        let (all, refused) = read(
            r#"{"status":"success","data":{"resultType":"vector","result":[
                {"metric":{"__name__":"a","x":"y"},"value":[1800000000.1,"1.5"]},
                {"metric":{"__name__":"b"},"value":[1800000000,"NaN"]}]},"warnings":["w"]}"#,
        )
        .unwrap();
        assert_eq!(all[0], ("a".to_owned(), 1.5));
        assert!(all[1].1.is_nan() && refused.is_none());
    }

    #[test]
    fn labels_are_taken_out_one_by_one() {
        let mut sample: Sample = serde_json::from_str(
            r#"{"metric":{"z":"1","namespace":"shop","__name__":"a","profile":"web"},"value":[1,"+Inf"]}"#,
        )
        .unwrap();
        assert_eq!((sample.label("profile"), sample.value()), (Some("web"), f64::INFINITY));
        assert_eq!(sample.take("namespace").as_deref(), Some("shop"));
        assert_eq!((sample.take("namespace"), sample.label("objective")), (None, None));
        let mut rest: Vec<_> = sample.rest().map(|(name, value)| name.into_owned() + &value).collect();
        rest.sort();
        assert_eq!(rest, ["__name__a", "profileweb", "z1"]);
    }

    #[test]
    fn what_is_refused_and_what_is_no_vector() {
        let (_, refused) = read(r#"{"status":"error","errorType":"bad_data","error":"no"}"#).unwrap();
        assert_eq!(refused.map(|refused| refused.error_type + &refused.error), Some("bad_datano".to_owned()));
        for text in [
            "<html>",
            "{}",
            "[]",
            r#"{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}"#,
            r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"2"]]}]}}"#,
            r#"{"status":"success","data":{"resultType":"vector","result":["#,
            r#"{"status":"success","data":{"result":[]}} x"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_body_comes_in_pieces() {
        let (to, pieces) = mpsc::channel(4);
        for piece in ["ab", "", "cde"] {
            to.blocking_send(Bytes::from_static(piece.as_bytes())).unwrap();
        }
        drop(to);
        let mut text = String::new();
        io::Read::read_to_string(&mut Body { pieces, piece: Bytes::new() }, &mut text).unwrap();
        assert_eq!(text, "abcde");
    }
}
