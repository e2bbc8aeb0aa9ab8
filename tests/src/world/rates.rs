//! Rates of habits and frauds, by id, from TOML: what a file does not say stays as it is by default, and a name that is not
//! known is refused, so that a slip of the pen makes no other world than was meant.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

/// The honest habits by default, with what each means.
pub const HABITS: &str = include_str!("habits.toml");
/// The frauds by default.
pub const FRAUDS: &str = include_str!("frauds.toml");

/// Rates and parameters by id.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates(BTreeMap<String, BTreeMap<String, f64>>);

impl Rates {
    /// The habits by default, changed as a file says.
    ///
    /// # Errors
    /// What in the file is no table of numbers, or not known.
    pub fn habits(file: Option<&str>) -> Result<Self> {
        Self::read(HABITS)?.changed(file)
    }

    /// The frauds by default, changed as a file says.
    ///
    /// # Errors
    /// As [`Rates::habits`].
    pub fn frauds(file: Option<&str>) -> Result<Self> {
        Self::read(FRAUDS)?.changed(file)
    }

    fn read(text: &str) -> Result<Self> {
        let mut all = BTreeMap::new();
        for (id, values) in text.parse::<toml::Table>()? {
            let table = values.as_table().with_context(|| format!("{id} is no table: write [{id}]"))?;
            let number = |(key, value): (&String, &toml::Value)| {
                let number = value.as_float().or(value.as_integer().map(|n| n as f64));
                Ok((key.clone(), number.with_context(|| format!("{id}.{key} is no number"))?))
            };
            all.insert(id.clone(), table.iter().map(number).collect::<Result<_>>()?);
        }
        Ok(Self(all))
    }

    fn changed(mut self, file: Option<&str>) -> Result<Self> {
        let Some(file) = file else { return Ok(self) };
        for (id, values) in Self::read(file)?.0 {
            let Some(known) = self.0.get_mut(&id) else {
                bail!("{id} is not known: there are {}", self.ids().collect::<Vec<_>>().join(", "))
            };
            for (key, value) in values {
                match known.get_mut(&key) {
                    Some(slot) => *slot = value,
                    None => bail!("{id}.{key} is not known: there are {:?}", known.keys()),
                }
            }
        }
        Ok(self)
    }

    /// All ids, in order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A number of an id; 0 where there is none.
    pub fn get(&self, id: &str, key: &str) -> f64 {
        let found = self.0.get(id).and_then(|values| values.get(key));
        debug_assert!(found.is_some(), "{id}.{key} stands in no file of defaults");
        found.copied().unwrap_or(0.0)
    }

    /// How often things happen, times so much, at most always: what happens then stays as it is.
    pub fn times(mut self, factor: f64) -> Self {
        self.0.values_mut().for_each(|values| scale(values, factor));
        self
    }

    /// Nothing but what these ids name, as often as it was.
    pub fn only(mut self, ids: &[&str]) -> Self {
        for (id, values) in &mut self.0 {
            if !ids.contains(&id.as_str()) {
                scale(values, 0.0);
            }
        }
        self
    }
}

/// Numbers that say how often something happens at all; the others say what it is like then.
const SWITCHES: [&str; 8] =
    ["rate", "classes", "villages", "old_photo", "backlit", "forgetful", "dead_battery", "early"];

fn scale(values: &mut BTreeMap<String, f64>, factor: f64) {
    for (_, value) in values.iter_mut().filter(|(key, _)| SWITCHES.contains(&key.as_str())) {
        *value = (*value * factor).min(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_changes_what_it_names_and_slips_are_refused() {
        let plain = Rates::habits(None).unwrap();
        let changed = Rates::habits(Some("[ill]\nrate = 0.5\n")).unwrap();
        assert_eq!(changed.get("ill", "rate"), 0.5);
        assert_eq!(changed.get("late", "median_s"), plain.get("late", "median_s"));
        for (file, said) in [
            ("[il]\nrate = 1\n", "il is not known"),
            ("[ill]\nrat = 1\n", "ill.rat is not known"),
            ("[ill]\nrate = \"x\"\n", "ill.rate is no number"),
            ("ill = 1\n", "ill is no table"),
        ] {
            let error = Rates::habits(Some(file)).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        assert_eq!(Rates::frauds(None).unwrap().times(0.0).get("phantoms", "classes"), 0.0);
        let few = plain.clone().only(&["ill"]).times(2.0);
        assert_eq!(
            [few.get("ill", "rate"), few.get("late", "rate"), few.get("look-changes", "backlit")],
            [0.04, 0.0, 0.0]
        );
        assert_eq!(plain.times(1e9).get("ill", "rate"), 1.0);
    }
}
