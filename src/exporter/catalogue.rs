//! The query that the API is asked, and what its answer says.

use serde_json::{Value, json};

/// How many products a visitor can find.
const QUERY: &str = r#"{products(first:1,channel:"default-channel"){totalCount}}"#;

/// The body of the request (<https://graphql.org/learn/serving-over-http/>).
pub fn query() -> String {
    json!({ "query": QUERY }).to_string()
}

/// The number of products; None for what is no answer, or one with errors.
pub fn products(body: &[u8]) -> Option<i64> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    if answer.get("errors").is_some_and(|errors| !errors.is_null()) {
        return None;
    }
    answer.pointer("/data/products/totalCount")?.as_i64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_without_errors_counts() {
        let table = [
            (r#"{"data":{"products":{"totalCount":10}}}"#, Some(10)),
            (r#"{"data":{"products":{"totalCount":10}},"errors":null}"#, Some(10)),
            (r#"{"data":{"products":{"totalCount":10}},"errors":[{"message":"m"}]}"#, None),
            (r#"{"data":{"products":null}}"#, None),
            ("<html>", None),
            ("", None),
        ];
        for (body, expected) in table {
            assert_eq!(products(body.as_bytes()), expected, "{body}");
        }
    }
}
