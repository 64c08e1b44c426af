//! Typed messages against the golden messages, and what they say of messages that are not theirs.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test kit: a broken vector stops the test"
)]

use bytes::BytesMut;
use hex_literal::hex;
use iso8583::crypto::EncryptedPinBlock;
use iso8583::element::{
    AdditionalAmounts, Amount, AmountType, ApprovalCode, Concealed, Currency, Expiry,
    InstitutionId, LocalTime, MerchantId, MerchantLocation, MerchantType, MonthDay, NetworkCode,
    OriginalData, Pan, PosCondition, PosEntryMode, PrivateData, ProcessingCode, ResponseCode, Rrn,
    Stan, TerminalId, Track2, TransmissionTime,
};
use iso8583::typed::{ElementOf, Mismatch, TypedDecodeError};
use iso8583::{Dialect, Message, Mti, TypedMessage};
use serde_json::Value;

#[derive(Clone, Debug, PartialEq, TypedMessage)]
#[iso8583(mti = "0800")]
struct Network {
    #[field(7)]
    transmitted: TransmissionTime,
    #[field(11)]
    stan: Stan,
    #[field(32)]
    acquirer: Option<InstitutionId>,
    #[field(70)]
    code: NetworkCode,
}

#[derive(Clone, Debug, PartialEq, TypedMessage)]
#[iso8583(mti = "0200")]
struct Purchase {
    #[field(2)]
    pan: Pan,
    #[field(3)]
    processing_code: ProcessingCode,
    #[field(4, 49)]
    amount: Amount,
    #[field(7)]
    transmitted: TransmissionTime,
    #[field(11)]
    stan: Stan,
    #[field(12)]
    local_time: LocalTime,
    #[field(13)]
    local_date: MonthDay,
    #[field(14)]
    expiry: Option<Expiry>,
    #[field(18)]
    merchant_type: MerchantType,
    #[field(22)]
    entry_mode: PosEntryMode,
    #[field(25)]
    condition: PosCondition,
    #[field(32)]
    acquirer: InstitutionId,
    #[field(35)]
    track2: Option<Track2>,
    #[field(37)]
    rrn: Rrn,
    #[field(41)]
    terminal: TerminalId,
    #[field(42)]
    merchant: MerchantId,
    #[field(43)]
    location: MerchantLocation,
    #[field(48)]
    private: Option<PrivateData<'static>>,
    #[field(52)]
    pin: Option<EncryptedPinBlock>,
    #[field(53)]
    security: Option<Concealed>,
    #[field(64)]
    mac: Option<Concealed>,
}

#[derive(Clone, Debug, PartialEq, TypedMessage)]
#[iso8583(mti = "0210")]
struct PurchaseAnswer {
    #[field(4, 49)]
    amount: Amount,
    #[field(38)]
    approval: Option<ApprovalCode>,
    #[field(39)]
    outcome: ResponseCode,
    #[field(54)]
    balances: Option<AdditionalAmounts>,
    #[rest]
    rest: Message,
}

#[derive(Clone, Debug, PartialEq, TypedMessage)]
#[iso8583(mti = "0420")]
struct Reversal {
    #[repeat]
    repeat: bool,
    #[field(4, 49)]
    amount: Option<Amount>,
    #[field(39)]
    reason: ResponseCode,
    #[field(90)]
    original: OriginalData,
    #[rest]
    rest: Message,
}

#[derive(Clone, Debug, PartialEq, TypedMessage)]
#[iso8583(mti = "0520")]
struct Totals {
    #[field(15)]
    day: MonthDay,
    #[field(50)]
    currency: Currency,
    #[field(86)]
    credits: String,
    #[field(88)]
    debits: Vec<u8>,
    #[field(99)]
    settlement: InstitutionId,
    #[rest]
    rest: Message,
}

/// A struct whose DE 63 is whatever the peer made of it.
#[derive(TypedMessage)]
#[iso8583(mti = "0100")]
struct Authorization<P: ElementOf<63>> {
    #[field(11)]
    stan: Stan,
    #[field(63)]
    own: P,
}

fn golden() -> Vec<Value> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/vectors/golden-messages.json"
    );
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    golden["messages"].as_array().unwrap().clone()
}

fn wire(vector: &Value) -> (&'static Dialect, Vec<u8>) {
    let dialect = match vector["profile"].as_str().unwrap() {
        "ascii" => Dialect::iso87_ascii(),
        "ascii_binmap" => Dialect::iso87_ascii_binmap(),
        "bcd" => Dialect::iso87_bcd(),
        other => panic!("profile {other}"),
    };
    let hex = vector["hex"].as_str().unwrap().as_bytes();
    let (pairs, _) = hex.as_chunks::<2>();
    let byte = |pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    (dialect, pairs.iter().map(|pair| byte(pair)).collect())
}

/// Decodes every golden message of a type, encodes it again, and compares byte for byte.
fn round_trips<M: TypedMessage>(names: &[&str]) -> Vec<M> {
    let golden = golden();
    let named = golden.iter().filter(|vector| {
        let name = vector["name"].as_str().unwrap();
        names.contains(&name)
    });
    let typed: Vec<M> = named
        .map(|vector| {
            let (dialect, bytes) = wire(vector);
            let typed = M::decode(dialect, &bytes)
                .unwrap_or_else(|error| panic!("{}: {error}", vector["name"]));
            let mut again = BytesMut::new();
            typed.encode(dialect, &mut again).unwrap();
            assert_eq!(again, bytes, "{} in {}", vector["name"], dialect.name());
            typed
        })
        .collect();
    assert_eq!(typed.len(), names.len() * 3, "three dialects each");
    typed
}

#[test]
fn golden_purchases_are_read_and_written_byte_for_byte() {
    for purchase in round_trips::<Purchase>(&["purchase_0200", "purchase_0200_pin_mac"]) {
        assert_eq!(purchase.amount, Amount::new(15_000, Currency::KRW).unwrap());
        assert_eq!(purchase.stan, Stan::try_from(123).unwrap());
        assert_eq!(purchase.pan.reveal(), "9999990100000005");
        match (purchase.track2, purchase.private) {
            (Some(track2), None) => assert_eq!(track2.expiry(), b"3012"),
            (None, Some(private)) => {
                assert_eq!(private.get(PrivateData::MALL_ID), Some(&b"MALL0001"[..]))
            }
            other => panic!("one of them: {other:?}"),
        }
    }
}

#[test]
fn golden_answers_keep_what_no_field_names() {
    for answer in round_trips::<PurchaseAnswer>(&["purchase_0210"]) {
        assert_eq!(answer.outcome, ResponseCode::APPROVED);
        assert_eq!(answer.approval, Some("A12345".parse().unwrap()));
        let balances = answer.balances.unwrap();
        assert_eq!(balances.find(AmountType::AVAILABLE).unwrap().minor, 85_000);
        assert_eq!(answer.rest.text(37), Some("607411000123"));
        assert!([4, 38, 39, 49, 54].iter().all(|de| !answer.rest.has(*de)));
    }
}

#[test]
fn golden_reversals_tell_the_repeat_from_the_first() {
    let names = ["reversal_0420_timeout", "reversal_0421_repeat"];
    let reversals = round_trips::<Reversal>(&names);
    assert_eq!(reversals.iter().filter(|it| it.repeat).count(), 3);
    for reversal in reversals {
        assert_eq!(reversal.original.stan(), b"000123");
        let mti = reversal.to_message().mti().to_string();
        assert_eq!(mti, if reversal.repeat { "0421" } else { "0420" });
    }
}

#[test]
fn golden_network_messages_and_totals_are_read_and_written_byte_for_byte() {
    let codes = round_trips::<Network>(&["echo_0800", "signon_0800"]);
    let echoes = codes.iter().filter(|it| it.code == NetworkCode::ECHO);
    assert_eq!(echoes.count(), 3);
    for totals in round_trips::<Totals>(&["recon_0520"]) {
        assert_eq!(totals.credits, "0000000000003000");
        assert_eq!(totals.debits, b"0000000000180000");
    }
}

#[test]
fn a_message_made_from_values_stands_on_the_wire_as_written_by_hand() {
    let sign_on = Network {
        transmitted: "0315022900".parse().unwrap(),
        stan: "000002".parse().unwrap(),
        acquirer: Some("450001".parse().unwrap()),
        code: NetworkCode::SIGN_ON,
    };
    let mut wire = BytesMut::new();
    sign_on.encode(Dialect::iso87_bcd(), &mut wire).unwrap();
    let by_hand = hex!(
        "0800"                              // MTI
        "82200001 00000000 0400000000000000" // DE 1, 7, 11, 32; 70
        "0315022900"                        // DE 7
        "000002"                            // DE 11
        "06 450001"                         // DE 32
        "0001"                              // DE 70
    );
    assert_eq!(&*wire, by_hand);
    assert_eq!(
        Network::decode(Dialect::iso87_bcd(), &by_hand).unwrap(),
        sign_on
    );
}

#[test]
fn err_another_message_type() {
    let response = Message::new("0810".parse().unwrap());
    let error = Network::try_from(&response).unwrap_err();
    assert_eq!(error.to_string(), "MTI: expected 0800, found 0810");
    assert_eq!(error.data_element(), None);
    let repeat = Message::new(Mti::NETWORK_REQUEST.repeat());
    let error = Network::try_from(&repeat).unwrap_err();
    assert_eq!(error.to_string(), "MTI: expected 0800, found 0801");
    let notice = Message::new("0422".parse().unwrap());
    let error = Reversal::try_from(&notice).unwrap_err();
    assert_eq!(error.to_string(), "MTI: expected 0420, found 0422");
}

#[test]
fn err_names_the_data_element_and_never_shows_its_value() {
    let mut message = Message::new(Mti::NETWORK_REQUEST);
    message.set(7, b"0315022900").set(70, b"001");
    assert_eq!(
        Network::try_from(&message),
        Err(Mismatch::Missing { de: 11 })
    );
    assert_eq!(
        Network::try_from(&message).unwrap_err().to_string(),
        "DE 11: missing"
    );
    message.set(11, b"12345678");
    let error = Network::try_from(&message).unwrap_err();
    assert_eq!(
        error.to_string(),
        "DE 11: STAN is not 6 digits above 000000"
    );
    assert_eq!(error.data_element(), Some(11));
    message.set(11, b"000002").set(32, b"45A");
    let error = Network::try_from(&message).unwrap_err();
    assert_eq!(
        error.to_string(),
        "DE 32: institution id is not 1 to 11 digits"
    );
}

#[test]
fn an_amount_needs_its_currency_and_a_currency_its_amount() {
    let original = b"020000012303150230150000045000100000000000";
    let mut message = Message::new(Mti::REVERSAL_ADVICE);
    message.set(39, b"68").set(90, original);
    assert_eq!(Reversal::try_from(&message).unwrap().amount, None);
    message.set(4, b"000000015000");
    assert_eq!(
        Reversal::try_from(&message),
        Err(Mismatch::Missing { de: 49 })
    );
    message.remove(4).set(49, b"410");
    assert_eq!(
        Reversal::try_from(&message),
        Err(Mismatch::Missing { de: 4 })
    );
    message.set(4, b"15000");
    let error = Reversal::try_from(&message).unwrap_err();
    assert_eq!(error.to_string(), "DE 4: amount is not 12 digits");
    message.set(4, b"000000015000").set(49, b"KRW");
    let error = Reversal::try_from(&message).unwrap_err();
    assert_eq!(error.to_string(), "DE 49: currency is not 3 digits");
}

#[test]
fn a_field_taken_away_is_not_brought_back_by_the_rest() {
    let mut answer = round_trips::<PurchaseAnswer>(&["purchase_0210"]).remove(0);
    answer.approval = None;
    answer.rest.set(38, b"STALE1").set(39, b"05");
    let message = answer.to_message();
    assert!(!message.has(38));
    assert_eq!(message.text(39), Some("00"));
    assert_eq!(message.text(2), Some("9999990100000005"));
}

#[test]
fn an_undecodable_message_can_still_be_answered() {
    let wire = hex!(
        "0800"             // MTI
        "0220000000000000" // DE 7, 11
        "0315022900"       // DE 7
        "000002"           // DE 11
    );
    let error = Network::decode(Dialect::iso87_bcd(), &wire).unwrap_err();
    assert_eq!(error.to_string(), "DE 70: missing");
    let answer = error
        .message()
        .unwrap()
        .format_error(error.data_element())
        .unwrap();
    assert_eq!(
        (answer.text(11), answer.text(44)),
        (Some("000002"), Some("070"))
    );

    let error = Network::decode(Dialect::iso87_bcd(), &wire[..16]).unwrap_err();
    assert!(matches!(error, TypedDecodeError::Undecodable(_)));
    assert_eq!(error.data_element(), Some(11));
    assert_eq!(error.message().unwrap().text(7), Some("0315022900"));
}

#[test]
fn a_struct_may_leave_an_element_to_its_user() {
    let message = Authorization {
        stan: Stan::try_from(7).unwrap(),
        own: Concealed::from(&b"INSTALMENTS03"[..]),
    }
    .to_message();
    assert_eq!(message.text(63), Some("INSTALMENTS03"));
    let read = Authorization::<Concealed>::try_from(&message).unwrap();
    assert_eq!(read.own.reveal(), b"INSTALMENTS03");
    assert_eq!(read.stan.number(), 7);
}

#[test]
fn nothing_secret_of_a_typed_message_is_printed() {
    for purchase in round_trips::<Purchase>(&["purchase_0200", "purchase_0200_pin_mac"]) {
        let printed = format!("{purchase:?}");
        assert!(printed.contains("pan: Pan(999999******0005)"), "{printed}");
        for secret in [
            "9999990100",
            "3012",
            "DEF247",
            "222",
            "246",
            "ORD-2026",
            "20010101",
        ] {
            assert!(!printed.contains(secret), "{secret} in {printed}");
        }
    }
}

/// Amounts of fees are text in 1993, and additional data of any kind in 1987.
#[derive(Clone, Debug, PartialEq, TypedMessage)]
#[iso8583(mti = "1200")]
struct SaleOf1993 {
    #[field(2)]
    pan: Pan,
    #[field(13)]
    effective: Option<Concealed>,
    #[field(39)]
    action: Option<String>,
    #[field(46)]
    fees: String,
}

#[test]
fn a_message_of_1993_may_print_what_its_edition_lets_be_printed() {
    let sale = SaleOf1993 {
        pan: "9999990100000005".parse().unwrap(),
        effective: Some(Concealed::from(&b"2512"[..])),
        action: None,
        fees: "00410D0000010000000000000000D00000000410".to_owned(),
    };
    let mut wire = BytesMut::new();
    sale.encode(Dialect::iso93_bcd(), &mut wire).unwrap();
    assert_eq!(
        SaleOf1993::decode(Dialect::iso93_bcd(), &wire).unwrap(),
        sale
    );
    let printed = format!("{sale:?}");
    assert!(
        printed.contains(&sale.fees) && !printed.contains("2512"),
        "{printed}"
    );
}
