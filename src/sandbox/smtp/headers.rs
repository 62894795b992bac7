//! Reads the two headers of a mail that the record shows; what it does not find stays empty.

/// The two headers that the record shows.
pub(super) struct Headers {
    /// Without angle brackets.
    pub(super) message_id: Option<String>,
    /// As it came: an encoded word (RFC 2047) stays one.
    pub(super) subject: String,
}

impl Headers {
    pub(super) fn of(mail: &[u8]) -> Self {
        let mut headers = Self { message_id: None, subject: String::new() };
        let mut field: Option<(String, String)> = None;
        for line in mail.split(|&octet| octet == b'\n') {
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
            if line.starts_with([' ', '\t']) {
                // A folded field goes on (RFC 5322, section 2.2.3).
                if let Some((_, value)) = &mut field {
                    value.push_str(&line);
                }
                continue;
            }
            if let Some((name, value)) = field.take() {
                headers.keep(&name, &value);
            }
            if line.is_empty() {
                break;
            }
            field = line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
        }
        if let Some((name, value)) = field {
            headers.keep(&name, &value);
        }
        headers
    }

    fn keep(&mut self, name: &str, value: &str) {
        match name {
            "message-id" => self.message_id = Some(value.trim().trim_matches(['<', '>']).to_owned()),
            "subject" => value.trim().clone_into(&mut self.subject),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_folded_and_in_any_case() {
        let mail = b"subject: mot\r\n hai\r\nMESSAGE-ID:\r\n <abc@example.com>\r\n\r\nSubject: not this\r\n";
        let headers = Headers::of(mail);
        assert_eq!(headers.message_id.as_deref(), Some("abc@example.com"));
        assert_eq!(headers.subject, "mot hai");
        assert!(Headers::of(b"no headers at all").message_id.is_none());
    }
}
