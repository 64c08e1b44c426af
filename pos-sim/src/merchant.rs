//! Whose terminal it is: what stands in DE 18, 32, 41, 42 and 43 of everything it sends.

use iso8583::{InvalidElement, Message};

/// The merchant and the terminal, as the acquirer knows them. All of it printable ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merchant {
    /// DE 41: 1 to 8 characters.
    pub terminal: String,
    /// DE 42: 1 to 15 characters.
    pub id: String,
    /// DE 43, positions 1 to 22; also the head of the slip.
    pub name: String,
    /// DE 43, positions 24 to 36.
    pub city: String,
    /// DE 43, positions 38 to 40: the country's three letters (ISO 3166).
    pub country: String,
    /// DE 18: the merchant category, 4 digits (ISO 18245).
    pub category: String,
    /// DE 32: the acquiring institution, at most 11 digits. Without it the switch puts in that of
    /// its listener.
    pub institution: Option<String>,
}

impl Default for Merchant {
    fn default() -> Self {
        Self {
            terminal: "TERM0001".to_owned(),
            id: "MERCHANT0000001".to_owned(),
            name: "TOYLAND".to_owned(),
            city: "SEOUL".to_owned(),
            country: "KOR".to_owned(),
            category: "5945".to_owned(),
            institution: None,
        }
    }
}

impl Merchant {
    /// Are all values such as their data elements can hold?
    ///
    /// # Errors
    /// Names the first that is not.
    pub fn check(&self) -> Result<(), InvalidElement> {
        let texts = [
            (
                &self.terminal,
                8,
                "terminal id (DE 41)",
                "1 to 8 characters",
            ),
            (&self.id, 15, "merchant id (DE 42)", "1 to 15 characters"),
            (
                &self.name,
                22,
                "merchant name (DE 43)",
                "1 to 22 characters",
            ),
            (
                &self.city,
                13,
                "merchant city (DE 43)",
                "1 to 13 characters",
            ),
        ];
        for (text, max, element, expected) in texts {
            let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            if !printable || !(1..=max).contains(&text.len()) {
                return Err(InvalidElement::new(element, expected));
            }
        }
        let letters = self.country.bytes().all(|byte| byte.is_ascii_uppercase());
        if !letters || self.country.len() != 3 {
            return Err(InvalidElement::new("country (DE 43)", "3 capital letters"));
        }
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(&self.category) || self.category.len() != 4 {
            return Err(InvalidElement::new("category (DE 18)", "4 digits"));
        }
        match &self.institution {
            Some(id) if !digits(id) || !(1..=11).contains(&id.len()) => Err(InvalidElement::new(
                "acquiring institution (DE 32)",
                "1 to 11 digits",
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Sets DE 32, 41 and 42: who asks.
    pub(crate) fn write_identity(&self, message: &mut Message) {
        if let Some(institution) = &self.institution {
            message.set(32, institution.as_bytes());
        }
        message
            .set(41, format!("{:<8}", self.terminal).as_bytes())
            .set(42, format!("{:<15}", self.id).as_bytes());
    }

    /// Sets DE 18 and 43: what kind of shop, and where.
    pub(crate) fn write_shop(&self, message: &mut Message) {
        let place = format!("{:<22} {:<13} {}", self.name, self.city, self.country);
        message
            .set(18, self.category.as_bytes())
            .set(43, place.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use iso8583::Mti;

    use super::*;

    #[test]
    fn values_fill_their_elements() {
        let merchant = Merchant {
            terminal: "T1".to_owned(),
            id: "M1".to_owned(),
            ..Merchant::default()
        };
        let mut message = Message::new(Mti::FINANCIAL_REQUEST);
        merchant.check().unwrap();
        merchant.write_identity(&mut message);
        merchant.write_shop(&mut message);
        assert_eq!(message.text(41), Some("T1      "));
        assert_eq!(message.text(42), Some("M1             "));
        assert_eq!(
            message.text(43),
            Some("TOYLAND                SEOUL         KOR")
        );
        assert_eq!((message.text(18), message.text(32)), (Some("5945"), None));
    }

    #[test]
    fn err_values_that_do_not_fit() {
        type Break = fn(&mut Merchant);
        let broken: [(Break, &str); 5] = [
            (
                |merchant| merchant.terminal = "TERMINAL1".to_owned(),
                "terminal id (DE 41) is not 1 to 8 characters",
            ),
            (
                |merchant| merchant.name = "토이랜드".to_owned(),
                "merchant name (DE 43) is not 1 to 22 characters",
            ),
            (
                |merchant| merchant.country = "KR".to_owned(),
                "country (DE 43) is not 3 capital letters",
            ),
            (
                |merchant| merchant.category = "59".to_owned(),
                "category (DE 18) is not 4 digits",
            ),
            (
                |merchant| merchant.institution = Some(String::new()),
                "acquiring institution (DE 32) is not 1 to 11 digits",
            ),
        ];
        for (break_it, words) in broken {
            let mut merchant = Merchant::default();
            break_it(&mut merchant);
            assert_eq!(merchant.check().unwrap_err().to_string(), words);
        }
    }
}
