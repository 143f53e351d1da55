//! Changes of JSON that leave it JSON, so that they come further than the first brace.

use serde_json::{Map, Value, json};

use super::{Random, mutate};

/// Numbers in words: no JSON number has bounds.
const NUMBERS: [&str; 12] = [
    "-0",
    "0.5",
    "1e0",
    "1e30",
    "1e400",
    "-1e400",
    "4294967296",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "340282366920938463463374607431768211456",
];

const TEXTS: [&str; 8] = ["", "\0", "=1+1", "\u{202e}", "🦀", "127.0.0.1:99999", "User", "ff"];

/// Changes a valid value, as JSON or as bytes. `other` is another one of the same kind.
pub(crate) fn change(random: &mut Random, value: &mut Vec<u8>, other: &[u8]) {
    match random.below(5) {
        0 => mutate::change(random, value, other, 1),
        1 => number(random, value),
        _ => {
            let parsed = (serde_json::from_slice(value), serde_json::from_slice(other));
            if let (Ok(mut changed), Ok(other)) = parsed {
                for _ in 0..=random.below(3) {
                    node(random, &mut changed, &other);
                }
                *value = changed.to_string().into_bytes();
            }
        }
    }
}

/// Puts another number in the place of one.
fn number(random: &mut Random, value: &mut Vec<u8>) {
    let begins =
        |at: &usize| value[*at].is_ascii_digit() && (*at == 0 || !value[*at - 1].is_ascii_digit());
    let numbers: Vec<usize> = (0..value.len()).filter(begins).collect();
    if numbers.is_empty() {
        return;
    }
    let at = random.pick(&numbers);
    let end = at + value[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let new = match random.one_in(2) {
        true => random.pick(&NUMBERS).to_owned(),
        false => random.number().to_string(),
    };
    value.splice(at..end, new.into_bytes());
}

/// Changes something on a random way down.
fn node(random: &mut Random, value: &mut Value, other: &Value) {
    let value = descend(random, value);
    *value = match random.below(9) {
        0 => json!(random.number()),
        1 => json!(random.next()),
        2 => json!(random.pick(&TEXTS)),
        3 => json!("x".repeat(1 << random.below(13))),
        4 => random.pick(&[Value::Null, json!(true), json!([]), json!({})].each_ref()).clone(),
        // As deep as is read at all, and deeper.
        5 => (0..random.pick(&[1, 100, 126, 127, 128, 200]))
            .fold(Value::Null, |v, _| Value::Array(vec![v])),
        6 => repeated(random, value),
        7 => with_other_keys(random, value, other),
        _ => random_part(random, other),
    };
}

fn descend<'a>(random: &mut Random, value: &'a mut Value) -> &'a mut Value {
    let parts = match &*value {
        Value::Array(list) => list.len(),
        Value::Object(map) => map.len(),
        _ => 0,
    };
    if parts == 0 || random.one_in(5) {
        return value;
    }
    let at = random.index(parts);
    match value {
        Value::Array(list) => descend(random, &mut list[at]),
        Value::Object(map) => descend(random, map.values_mut().nth(at).expect("it has more parts")),
        leaf => leaf,
    }
}

fn random_part(random: &mut Random, value: &Value) -> Value {
    let mut copy = value.clone();
    descend(random, &mut copy).clone()
}

/// A list of the same again and again.
fn repeated(random: &mut Random, value: &Value) -> Value {
    match value {
        Value::Array(list) if !list.is_empty() => {
            let n = list.len() * (1 + random.index(50));
            list.iter().cycle().take(n).cloned().collect()
        }
        value => Value::Array(vec![value.clone(); random.index(20)]),
    }
}

/// Keys that change places, are missing, or are those of another value.
fn with_other_keys(random: &mut Random, value: &Value, other: &Value) -> Value {
    let Value::Object(map) = value else { return value.clone() };
    let mut changed: Map<String, Value> = match random.one_in(2) {
        true => {
            let values = map.values().cycle().skip(1 + random.index(3)).cloned();
            map.keys().cloned().zip(values).collect()
        }
        false => {
            map.iter().filter(|_| !random.one_in(3)).map(|(k, v)| (k.clone(), v.clone())).collect()
        }
    };
    if let Value::Object(other) = other {
        changed
            .extend(other.iter().filter(|_| random.one_in(4)).map(|(k, v)| (k.clone(), v.clone())));
    }
    Value::Object(changed)
}

#[test]
fn what_is_changed_as_json_stays_json_mostly() {
    let (valid, other) = (br#"{"a":1,"b":[{"c":"d"},-5]}"#, br#"{"a":[2],"z":null}"#);
    let is_json = |case| {
        let mut value = valid.to_vec();
        change(&mut Random::of(1, case), &mut value, other);
        serde_json::from_slice::<serde::de::IgnoredAny>(&value).is_ok()
    };
    let n = (0..500).filter(|case| is_json(*case)).count();
    assert!((250..500).contains(&n), "{n} of 500");
}
