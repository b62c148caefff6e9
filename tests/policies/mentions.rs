//! Addresses in text: `redis://redis-master:6379/0`, `$name.redis-sentinel`, `postgres-0.postgres:5432/saleor`.

/// A host that stands in a text like an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// The host's name, in parts.
    pub host: Vec<String>,
    /// The port behind it, or that of its URL's scheme.
    pub port: Option<u16>,
}

/// Ports that a URL need not name.
const SCHEMES: [(&str, u16); 5] =
    [("http", 80), ("https", 443), ("postgres", 5432), ("postgresql", 5432), ("redis", 6379)];

/// Every run of letters, digits, `-`, `_` and `.`: a word may be a host. Whoever reads them knows which ones are.
pub fn mentions(text: &str) -> Vec<Mention> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_of_name) {
        let at = text.len() - rest.len() + start;
        rest = &rest[start..];
        let end = rest.find(|c| !is_of_name(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        rest = after;
        let port = port(after).or_else(|| scheme(&text[..at]));
        // The end of a sentence is no part of a name; its beginning may be: `$((1 - n)).redis`.
        found.push(Mention { host: name.trim_end_matches('.').split('.').map(str::to_owned).collect(), port });
    }
    found
}

/// `:6379`, and no more letters.
fn port(after: &str) -> Option<u16> {
    let digits = after.strip_prefix(':')?;
    let end = digits.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// The port by the scheme of a URL whose host comes next.
fn scheme(before: &str) -> Option<u16> {
    let (begin, user) = before.rsplit_once("://")?;
    let is_host = user.is_empty() || user.ends_with('@') && !user.contains(['/', ' ', '"', '\n']);
    SCHEMES.iter().filter(|_| is_host).find(|(name, _)| begin.ends_with(name)).map(|(_, port)| *port)
}

#[test]
fn hosts_are_found_where_they_stand() {
    let table: &[(&str, &str, Option<u16>)] = &[
        ("redis://redis-master:6379/0", "redis-master", Some(6379)),
        ("postgres://saleor:$(WORD)@postgres-primary:5432/saleor?a=2", "postgres-primary", Some(5432)),
        ("postgres://saleor:$(WORD)@postgres-primary/saleor", "postgres-primary", Some(5432)),
        ("--probe=grafana=http://grafana/api", "grafana", Some(80)),
        ("redis-cli -h \"$name.redis-sentinel\" -p 26379", "name.redis-sentinel", None),
        ("peer=${POD_NAME%-*}-$((1 - ${POD_NAME##*-})).redis", ".redis", None),
        ("it reads http://a.b/redis-master and", "redis-master", None),
        ("the end is redis.\nNext", "redis", None),
        ("targets: [alertmanager:9093]", "alertmanager", Some(9093)),
        ("image: postgres:15.18", "postgres", Some(15)),
        ("image: redis:7a", "redis", None),
        ("--web.listen-address=:9187", "--web.listen-address", None),
    ];
    for (text, host, port) in table {
        let wanted = Mention { host: host.split('.').map(str::to_owned).collect(), port: *port };
        assert!(mentions(text).contains(&wanted), "{text}: {wanted:?} is not in {:?}", mentions(text));
    }
}
