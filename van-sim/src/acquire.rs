//! From a sale to its messages: approval, cancel, net cancel, balance inquiry.

use std::sync::Arc;

use iso8583::crypto::TdesKey;
use iso8583::element::{
    Amount, Currency, OriginalData, Pan, PosEntryMode, PrivateData, ProcessingCode, ResponseCode,
};
use iso8583::{Message, Mti};

use crate::config::{Institution, Mall};
use crate::sale::{Card, CustomerId, OrderId, Sale};
use crate::trace::Trace;

/// Makes the messages of one VAN.
#[derive(Clone, Debug)]
pub struct Acquirer {
    /// DE 32.
    pub institution: Institution,
    /// The key of DE 52 on the link to the switch.
    pub pin_zone_key: TdesKey,
}

impl Acquirer {
    /// 0200: approve a sale (patent d7).
    #[must_use]
    pub fn purchase(&self, sale: &Sale, trace: &Trace) -> Message {
        let mut message = Message::new(Mti::FINANCIAL_REQUEST);
        let code = ProcessingCode::PURCHASE;
        self.set_request(&mut message, &sale.mall, &sale.card, trace, code);
        set_amount(&mut message, sale.amount);
        let mut tags = order_tags(&sale.mall, &sale.order, &sale.customer).to_vec();
        if let Some(goods) = &sale.goods {
            tags.push((GOODS_NAME, goods.as_str().as_bytes()));
        }
        if let Some(contact) = &sale.contact {
            tags.push((CONTACT_HASH, contact.as_str().as_bytes()));
        }
        message.set(48, &PrivateData::encode(tags));
        message
    }

    /// 0100, DE 3 310000: how much is on the card?
    #[must_use]
    pub fn balance_inquiry(&self, mall: &Mall, card: &Card, trace: &Trace) -> Message {
        let mut message = Message::new(Mti::AUTHORIZATION_REQUEST);
        let code = ProcessingCode::BALANCE_INQUIRY;
        self.set_request(&mut message, mall, card, trace, code);
        message.set(4, b"000000000000");
        message.set(49, Currency::KRW.as_bytes());
        let tag = (PrivateData::MALL_ID, mall.id.as_str().as_bytes());
        message.set(48, &PrivateData::encode([tag]));
        message
    }

    /// 0400: the customer cancels on the same day (당일취소), DE 39 17.
    #[must_use]
    pub fn cancel(&self, original: &Original, approval_number: &str, trace: &Trace) -> Message {
        let mut message = Message::new(Mti::REVERSAL_REQUEST);
        let reason = ResponseCode::CUSTOMER_CANCELLATION;
        self.set_reversal(&mut message, original, Some(approval_number), trace, reason);
        message
    }

    /// 0420: whatever became of the sale, undo it (망취소), DE 39 68.
    #[must_use]
    pub fn net_cancel(
        &self,
        original: &Original,
        approval_number: Option<&str>,
        trace: &Trace,
    ) -> Message {
        let mut message = Message::new(Mti::REVERSAL_ADVICE);
        let reason = ResponseCode::RESPONSE_TOO_LATE;
        self.set_reversal(&mut message, original, approval_number, trace, reason);
        message
    }

    /// What both requests about a card carry.
    fn set_request(
        &self,
        message: &mut Message,
        mall: &Mall,
        card: &Card,
        trace: &Trace,
        code: ProcessingCode,
    ) {
        set_card(message, &card.pan);
        message
            .set(3, code.as_bytes())
            .set(7, trace.transmission().as_bytes())
            .set(11, trace.stan.to_string().as_bytes())
            .set(12, trace.local_time().as_bytes())
            .set(13, trace.local_date().as_bytes())
            .set(18, mall.category.as_bytes())
            .set(22, card.entry_mode().as_bytes())
            .set(25, ECOMMERCE)
            .set(32, self.institution.as_bytes())
            .set(37, trace.rrn().as_bytes())
            .set(43, name_and_location(mall).as_bytes());
        set_acceptor(message, mall);
        if let Some(expiry) = &card.expiry {
            message.set(14, expiry.as_bytes());
        }
        if let Some(password) = &card.password {
            let block = password.encrypt(&card.pan, &self.pin_zone_key);
            message.set(52, block.as_bytes());
        }
    }

    /// A reversal carries the data of its original, but a DE 7 and 11 of its own.
    fn set_reversal(
        &self,
        message: &mut Message,
        original: &Original,
        approval_number: Option<&str>,
        trace: &Trace,
        reason: ResponseCode,
    ) {
        set_card(message, &original.pan);
        set_amount(message, original.amount);
        message
            .set(3, ProcessingCode::PURCHASE.as_bytes())
            .set(7, trace.transmission().as_bytes())
            .set(11, trace.stan.to_string().as_bytes())
            .set(12, original.trace.local_time().as_bytes())
            .set(13, original.trace.local_date().as_bytes())
            .set(22, original.entry_mode.as_bytes())
            .set(25, ECOMMERCE)
            .set(32, self.institution.as_bytes())
            .set(37, original.trace.rrn().as_bytes())
            .set(39, reason.as_bytes())
            .set(90, self.original_data(original).as_bytes());
        set_acceptor(message, &original.mall);
        let cancel_key = approval_number
            .map(|number| format!("{}{number}", original.trace.full_date()))
            .unwrap_or_default();
        let mut tags = order_tags(&original.mall, &original.order, &original.customer).to_vec();
        if let Some(number) = approval_number {
            message.set(38, number.as_bytes());
            tags.push((PrivateData::ORIGINAL_APPROVAL, cancel_key.as_bytes()));
        }
        message.set(48, &PrivateData::encode(tags));
    }

    #[expect(
        clippy::expect_used,
        reason = "a trace has 6 and 10 digits, an institution 1 to 11, by their types"
    )]
    fn original_data(&self, original: &Original) -> OriginalData {
        OriginalData::new(
            Mti::FINANCIAL_REQUEST,
            original.trace.stan.to_string().as_bytes(),
            original.trace.transmission().as_bytes(),
            Some(self.institution.as_bytes()),
            None,
        )
        .expect("the parts of DE 90 have their lengths")
    }
}

/// What of a sale its reversal must repeat. Dropped, and with it the card number, once nothing
/// can be undone any more.
#[derive(Clone, Debug)]
pub struct Original {
    /// The mall that sold.
    pub mall: Arc<Mall>,
    /// Its order.
    pub order: OrderId,
    /// Its customer.
    pub customer: CustomerId,
    /// DE 2.
    pub pan: Pan,
    /// DE 4 and 49.
    pub amount: Amount,
    /// DE 22.
    pub entry_mode: PosEntryMode,
    /// DE 7, 11, 12, 13 and 37.
    pub trace: Trace,
}

impl Original {
    /// What to remember of a sale that is sent under a trace.
    #[must_use]
    pub fn of(sale: &Sale, trace: Trace) -> Self {
        Self {
            mall: Arc::clone(&sale.mall),
            order: sale.order.clone(),
            customer: sale.customer.clone(),
            pan: sale.card.pan.clone(),
            amount: sale.amount,
            entry_mode: sale.card.entry_mode(),
            trace,
        }
    }
}

/// DE 25: e-commerce by public network.
const ECOMMERCE: &[u8] = b"59";
/// DE 48 tag 09.
const GOODS_NAME: u8 = 9;
/// DE 48 tag 10.
const CONTACT_HASH: u8 = 10;

fn order_tags<'a>(
    mall: &'a Mall,
    order: &'a OrderId,
    customer: &'a CustomerId,
) -> [(u8, &'a [u8]); 3] {
    [
        (PrivateData::MALL_ID, mall.id.as_str().as_bytes()),
        (PrivateData::ORDER_ID, order.as_str().as_bytes()),
        (
            PrivateData::CUSTOMER_REFERENCE,
            customer.as_str().as_bytes(),
        ),
    ]
}

fn set_card(message: &mut Message, pan: &Pan) {
    message.set(2, pan.reveal().as_bytes());
}

fn set_amount(message: &mut Message, amount: Amount) {
    message
        .set(4, &amount.to_digits())
        .set(49, amount.currency().as_bytes());
}

fn set_acceptor(message: &mut Message, mall: &Mall) {
    message
        .set(41, format!("{:<8}", mall.terminal).as_bytes())
        .set(42, format!("{:<15}", mall.merchant).as_bytes());
}

/// DE 43: name 22, blank, city 13, blank, country 3.
fn name_and_location(mall: &Mall) -> String {
    format!("{:<22} {:<13} {}", mall.name, mall.city, mall.country)
}

#[cfg(test)]
mod tests {
    use jiff::tz::Offset;

    use super::*;
    use crate::config::Config;
    use crate::trace::StanSequence;

    fn acquirer() -> Acquirer {
        let config = Config::default();
        Acquirer {
            institution: config.institution,
            pin_zone_key: config.pin_zone_key,
        }
    }

    fn trace(stan: usize, utc: &str) -> Trace {
        let mut stans = StanSequence::starting_at("2026-03-15T00:00:00".parse().unwrap());
        let stan = (0..stan).map(|_| stans.take()).last().unwrap();
        Trace::new(stan, utc.parse().unwrap(), Offset::constant(9))
    }

    fn sale(password: Option<&str>) -> Sale {
        Sale {
            mall: Arc::new(Config::default().mall[0].clone()),
            order: OrderId::try_from("ORD-20260315-000077".to_owned()).unwrap(),
            customer: CustomerId::try_from("CUST000042".to_owned()).unwrap(),
            goods: None,
            contact: None,
            amount: Amount::new(15_000, Currency::KRW).unwrap(),
            card: Card {
                pan: "9999990100000005".parse().unwrap(),
                expiry: Some(b"3012"[..].try_into().unwrap()),
                password: password.map(|digits| digits.parse().unwrap()),
            },
        }
    }

    fn shown(message: &Message) -> Vec<String> {
        let text = |value: &[u8]| match std::str::from_utf8(value) {
            Ok(text) if value.is_ascii() => text.to_owned(),
            _ => value.iter().map(|byte| format!("{byte:02X}")).collect(),
        };
        message
            .fields()
            .map(|(de, value)| format!("{de} {}", text(value)))
            .collect()
    }

    /// The values of the golden message purchase_0200, less tag 04 of its DE 48.
    #[test]
    fn a_sale_becomes_the_golden_purchase() {
        let message = acquirer().purchase(&sale(None), &trace(123, "2026-03-15T02:30:15Z"));
        assert_eq!(message.mti(), Mti::FINANCIAL_REQUEST);
        assert_eq!(
            shown(&message),
            [
                "2 9999990100000005",
                "3 000000",
                "4 000000015000",
                "7 0315023015",
                "11 000123",
                "12 113015",
                "13 0315",
                "14 3012",
                "18 5945",
                "22 012",
                "25 59",
                "32 450001",
                "37 607411000123",
                "41 TERM0001",
                "42 MERCHANT0000001",
                "43 TOYLAND ONLINE         SEOUL         KOR",
                "48 01008MALL000102019ORD-20260315-00007703010CUST000042",
                "49 410",
            ]
        );
    }

    #[test]
    fn a_card_password_becomes_a_pin_block_under_the_zone_key() {
        let message = acquirer().purchase(&sale(Some("1234")), &trace(1, "2026-03-15T02:30:15Z"));
        assert_eq!(message.text(22), Some("011"));
        // The block of PIN 1234 and this card in the golden messages.
        let zone_key = "11223344556677888877665544332211".parse().unwrap();
        let block = iso8583::crypto::EncryptedPinBlock::try_from(message.field(52).unwrap());
        let pin = block
            .unwrap()
            .decrypt(&sale(None).card.pan, &zone_key)
            .unwrap();
        assert_eq!(pin.reveal(), b"1234");
    }

    #[test]
    fn goods_and_contact_stand_in_tags_09_and_10() {
        let mut sale = sale(None);
        sale.goods = Some("red robot".to_owned().try_into().unwrap());
        sale.contact = Some("abc".to_owned().into());
        let message = acquirer().purchase(&sale, &trace(1, "2026-03-15T02:30:15Z"));
        let private = message.text(48).unwrap();
        assert!(
            private.contains("CUST00004209009red robot10064ba7816bf"),
            "{private}"
        );
    }

    /// The values of the golden message reversal_0420_timeout, with DE 22, 25 and 48 beside them.
    #[test]
    fn a_net_cancel_repeats_its_original() {
        let original = Original::of(&sale(None), trace(123, "2026-03-15T02:30:15Z"));
        let made = trace(124, "2026-03-15T02:31:00Z");
        let message = acquirer().net_cancel(&original, None, &made);
        assert_eq!(message.mti(), Mti::REVERSAL_ADVICE);
        assert_eq!(
            shown(&message),
            [
                "2 9999990100000005",
                "3 000000",
                "4 000000015000",
                "7 0315023100",
                "11 000124",
                "12 113015",
                "13 0315",
                "22 012",
                "25 59",
                "32 450001",
                "37 607411000123",
                "39 68",
                "41 TERM0001",
                "42 MERCHANT0000001",
                "48 01008MALL000102019ORD-20260315-00007703010CUST000042",
                "49 410",
                "90 020000012303150230150000045000100000000000",
            ]
        );
    }

    #[test]
    fn a_cancel_names_the_approval_by_number_and_date() {
        let original = Original::of(&sale(None), trace(123, "2026-03-15T02:30:15Z"));
        let message = acquirer().cancel(&original, "A12345", &trace(125, "2026-03-15T05:00:00Z"));
        assert_eq!(message.mti(), Mti::REVERSAL_REQUEST);
        assert_eq!(message.text(39), Some("17"));
        assert_eq!(message.text(38), Some("A12345"));
        assert!(message.text(48).unwrap().ends_with("1401420260315A12345"));
        assert_eq!(message.text(37), Some("607411000123"));
    }

    #[test]
    fn a_balance_inquiry_asks_for_no_money() {
        let card = sale(None).card;
        let mall = Config::default().mall[0].clone();
        let made = trace(123, "2026-03-15T02:30:15Z");
        let message = acquirer().balance_inquiry(&mall, &card, &made);
        assert_eq!(message.mti(), Mti::AUTHORIZATION_REQUEST);
        assert_eq!(message.text(3), Some("310000"));
        assert_eq!(message.text(4), Some("000000000000"));
        assert_eq!(message.text(48), Some("01008MALL0001"));
    }
}
