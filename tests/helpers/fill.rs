//! A form of a page, filled in and sent back as a browser without script does it.

/// What a form would send, in its order.
#[derive(Debug, Clone, Default)]
pub struct Fill(pub Vec<(String, String)>);

impl Fill {
    /// The form with this class: what stands in its fields.
    pub fn of(page: &str, class: &str) -> Self {
        let start = page.find(&format!("class=\"{class}\"")).unwrap_or_else(|| panic!("no form {class} in\n{page}"));
        let form = page[start..].split("</form>").next().unwrap();
        let mut fields = Vec::new();
        let mut rest = form;
        while let Some(at) = rest.find('<') {
            rest = &rest[at + 1..];
            let name = rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
            let tag = rest.split('>').next().unwrap_or_default();
            let body = rest.get(tag.len() + 1..).unwrap_or_default();
            match name {
                "input" => {
                    let kind = attribute(tag, "type").unwrap_or_default();
                    let ticked = !matches!(kind.as_str(), "checkbox" | "radio") || tag.contains(" checked");
                    if let (Some(field), true) = (attribute(tag, "name"), ticked) {
                        fields.push((field, attribute(tag, "value").unwrap_or_default()));
                    }
                }
                "textarea" => {
                    let text = body.split("</textarea>").next().unwrap_or_default();
                    let text = unescaped(text.strip_prefix('\n').unwrap_or(text)).replace('\n', "\r\n");
                    fields.extend(attribute(tag, "name").map(|field| (field, text)));
                }
                "select" => {
                    let options = body.split("</select>").next().unwrap_or_default();
                    let chosen = options.split("<option").skip(1).find(|option| option.contains(" selected"));
                    let chosen = chosen.or_else(|| options.split("<option").nth(1));
                    let value = chosen.and_then(|option| attribute(option.split('>').next()?, "value")).unwrap_or_default();
                    fields.extend(attribute(tag, "name").map(|field| (field, value)));
                }
                _ => {}
            }
        }
        Self(fields)
    }

    /// Types into a field that is there, in place of what stands in it.
    #[must_use]
    pub fn set(mut self, field: &str, text: &str) -> Self {
        let place = self.0.iter().position(|(name, _)| name == field).unwrap_or_else(|| panic!("no field {field}: {:?}", self.0));
        self.0[place].1 = text.to_string();
        self
    }

    /// Ticks a box.
    #[must_use]
    pub fn tick(mut self, field: &str, value: &str) -> Self {
        self.0.push((field.to_string(), value.to_string()));
        self
    }

    /// Presses a button.
    #[must_use]
    pub fn press(self, value: &str) -> Self {
        self.tick("do", value)
    }

    /// What stands in a field.
    pub fn get(&self, field: &str) -> &str {
        self.0.iter().find(|(name, _)| name == field).map_or("", |(_, value)| value)
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split('"').next().map(unescaped)
}

fn unescaped(text: &str) -> String {
    let marks =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#39;", "'"), ("&#x2f;", "/"), ("&amp;", "&")];
    marks.iter().fold(text.to_string(), |text, (mark, plain)| text.replace(mark, plain))
}
