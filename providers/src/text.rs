//! What a text costs and becomes on the wire: GSM 03.38, UCS-2, parts, unaccented.

use serde::{Deserialize, Serialize};

/// The alphabet of a text message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// GSM 03.38, seven bits: 160 characters in one part, 153 in each of several.
    Gsm,
    /// UCS-2: 70 and 67 UTF-16 units.
    Ucs2,
}
