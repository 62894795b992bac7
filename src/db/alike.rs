//! Rows that change alike: a statement says once what all of them become, and names them by their ids.
//!
//! A statement that reads from a list what every single row becomes takes twice as long. What changes is seldom unlike: the
//! messages of one claim cost the same, and most of them are taken.

use std::collections::BTreeMap;

/// Rows of a kind, at least: fewer are not worth a statement of their own.
const FEW: usize = 8;

/// Sorts rows by what they have in common. Those that few have it in common with stand apart.
pub fn alike<'a, R, K: Ord>(rows: impl IntoIterator<Item = &'a R>, key: impl Fn(&R) -> K) -> (Vec<(K, Vec<&'a R>)>, Vec<&'a R>) {
    let mut kinds: BTreeMap<K, Vec<&R>> = BTreeMap::new();
    for row in rows {
        kinds.entry(key(row)).or_default().push(row);
    }
    let (mut many, mut apart) = (Vec::new(), Vec::new());
    for (key, rows) in kinds {
        if rows.len() < FEW { apart.extend(rows) } else { many.push((key, rows)) }
    }
    (many, apart)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_of_a_kind_stand_apart() {
        let rows = [1, 2, 11, 3, 4, 5, 6, 7, 8, 21, 22];
        let (many, apart) = alike(&rows, |row| row / 10);
        assert_eq!(many, [(0, vec![&1, &2, &3, &4, &5, &6, &7, &8])]);
        assert_eq!(apart, [&11, &21, &22]);
    }
}
