// Made by `cargo xtask gs1-table` from data/gs1-syntax-dictionary.txt, which is © GS1 AISBL and others, Apache-2.0.
//! GS1's application identifiers (AIs).

use super::ai::CharacterSet::{N, X, Y, Z};
use super::ai::{Entry, PLAIN, ai, ais, may, must};
use super::rule::Rule::*;

/// Digits of an AI, by its first two; 0 where no AI begins so.
#[rustfmt::skip]
pub(super) static DIGITS: [u8; 100] = [
    2, 2, 2, 2, 0, 0, 0, 0, 0, 0,
    2, 2, 2, 2, 0, 2, 2, 2, 0, 0,
    2, 2, 2, 3, 3, 3, 0, 0, 0, 0,
    2, 4, 4, 4, 4, 4, 4, 2, 0, 4,
    3, 3, 3, 4, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    4, 3, 4, 0, 0, 0, 0, 0, 0, 0,
    4, 4, 4, 0, 0, 0, 0, 0, 0, 0,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
];

/// In ascending order.
#[rustfmt::skip]
pub(super) static TABLE: [Entry; 224] = [
    Entry { first: 0, last: 0, predefined: true, attribute: true, components: &[must(N, 18, 18, &[CheckDigit, CompanyPrefixSecond])], key: Some(&[]), ..PLAIN }, // SSCC
    Entry { first: 1, last: 1, predefined: true, attribute: true, components: &[must(N, 14, 14, &[CheckDigit, CompanyPrefixSecond])], excludes: &[ai(255), ai(37)], key: Some(&[&[22, 10, 21], &[235]]), ..PLAIN }, // GTIN
    Entry { first: 2, last: 2, predefined: true, attribute: true, components: &[must(N, 14, 14, &[CheckDigit, CompanyPrefixSecond])], excludes: &[ai(1), ai(3)], requires: &[&[ai(37)]], ..PLAIN }, // CONTENT
    Entry { first: 3, last: 3, predefined: true, attribute: false, components: &[must(N, 14, 14, &[CheckDigit, CompanyPrefixSecond])], excludes: &[ai(1), ai(2), ai(37), ai(235)], ..PLAIN }, // MTO GTIN
    Entry { first: 10, last: 10, predefined: false, attribute: true, components: &[must(X, 1, 20, &[])], requires: &[&[ai(1)], &[ai(2)], &[ai(3)], &[ai(8006)], &[ai(8026)]], ..PLAIN }, // BATCH/LOT
    Entry { first: 11, last: 11, predefined: true, attribute: true, components: &[must(N, 6, 6, &[DateOrMonth])], requires: &[&[ai(1)], &[ai(2)], &[ai(3)], &[ai(8006)], &[ai(8026)]], ..PLAIN }, // PROD DATE
    Entry { first: 12, last: 12, predefined: true, attribute: true, components: &[must(N, 6, 6, &[DateOrMonth])], requires: &[&[ai(8020)]], ..PLAIN }, // DUE DATE
    Entry { first: 13, last: 13, predefined: true, attribute: true, components: &[must(N, 6, 6, &[DateOrMonth])], requires: &[&[ai(1)], &[ai(2)], &[ai(3)], &[ai(8006)], &[ai(8026)]], ..PLAIN }, // PACK DATE
    Entry { first: 15, last: 15, predefined: true, attribute: true, components: &[must(N, 6, 6, &[DateOrMonth])], requires: &[&[ai(1)], &[ai(2)], &[ai(3)], &[ai(8006)], &[ai(8026)]], ..PLAIN }, // BEST BEFORE or BEST BY
    Entry { first: 16, last: 16, predefined: true, attribute: true, components: &[must(N, 6, 6, &[DateOrMonth])], requires: &[&[ai(1)], &[ai(2)], &[ai(3)], &[ai(8006)], &[ai(8026)]], ..PLAIN }, // SELL BY
    Entry { first: 17, last: 17, predefined: true, attribute: true, components: &[must(N, 6, 6, &[DateOrMonth])], requires: &[&[ai(1)], &[ai(2)], &[ai(3)], &[ai(255)], &[ai(8006)], &[ai(8026)]], ..PLAIN }, // USE BY or EXPIRY
    Entry { first: 20, last: 20, predefined: true, attribute: true, components: &[must(N, 2, 2, &[])], requires: &[&[ai(1)], &[ai(2)], &[ai(3)], &[ai(8006)], &[ai(8026)]], ..PLAIN }, // VARIANT
    Entry { first: 21, last: 21, predefined: false, attribute: false, components: &[must(X, 1, 20, &[])], excludes: &[ai(235)], requires: &[&[ai(1)], &[ai(3)], &[ai(8006)]], ..PLAIN }, // SERIAL
    Entry { first: 22, last: 22, predefined: false, attribute: false, components: &[must(X, 1, 20, &[])], requires: &[&[ai(1)]], ..PLAIN }, // CPV
    Entry { first: 30, last: 30, predefined: false, attribute: true, components: &[must(N, 1, 8, &[])], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // VAR. COUNT
    Entry { first: 37, last: 37, predefined: false, attribute: true, components: &[must(N, 1, 8, &[])], requires: &[&[ai(0), ai(2)], &[ai(0), ai(8026)]], ..PLAIN }, // COUNT
    Entry { first: 90, last: 90, predefined: false, attribute: true, components: &[must(X, 1, 30, &[])], ..PLAIN }, // INTERNAL
    Entry { first: 91, last: 99, predefined: false, attribute: true, components: &[must(X, 1, 90, &[])], ..PLAIN }, // INTERNAL
    Entry { first: 235, last: 235, predefined: false, attribute: false, components: &[must(X, 1, 28, &[])], requires: &[&[ai(1)]], ..PLAIN }, // TPX
    Entry { first: 240, last: 240, predefined: false, attribute: true, components: &[must(X, 1, 30, &[])], requires: &[&[ai(1)], &[ai(2)], &[ai(3)], &[ai(8006)], &[ai(8026)]], ..PLAIN }, // ADDITIONAL ID
    Entry { first: 241, last: 241, predefined: false, attribute: true, components: &[must(X, 1, 30, &[])], requires: &[&[ai(1)], &[ai(2)], &[ai(3)], &[ai(8006)], &[ai(8026)]], ..PLAIN }, // CUST. PART No.
    Entry { first: 242, last: 242, predefined: false, attribute: true, components: &[must(N, 1, 6, &[])], requires: &[&[ai(1)], &[ai(2)], &[ai(8006)], &[ai(8026)]], ..PLAIN }, // MTO VARIANT
    Entry { first: 243, last: 243, predefined: false, attribute: true, components: &[must(X, 1, 20, &[])], requires: &[&[ai(1)], &[ai(3)]], ..PLAIN }, // PCN
    Entry { first: 250, last: 250, predefined: false, attribute: true, components: &[must(X, 1, 30, &[])], requires: &[&[ai(1), ai(21)], &[ai(3), ai(21)], &[ai(8006), ai(21)]], ..PLAIN }, // SECONDARY SERIAL
    Entry { first: 251, last: 251, predefined: false, attribute: true, components: &[must(X, 1, 30, &[])], requires: &[&[ai(1)], &[ai(3)], &[ai(8006)]], ..PLAIN }, // REF. TO SOURCE
    Entry { first: 253, last: 253, predefined: false, attribute: true, components: &[must(N, 13, 13, &[CheckDigit, CompanyPrefix]), may(X, 1, 17, &[])], key: Some(&[]), ..PLAIN }, // GDTI
    Entry { first: 254, last: 254, predefined: false, attribute: false, components: &[must(X, 1, 20, &[])], requires: &[&[ai(414)]], ..PLAIN }, // GLN EXTENSION COMPONENT
    Entry { first: 255, last: 255, predefined: false, attribute: true, components: &[must(N, 13, 13, &[CheckDigit, CompanyPrefix]), may(N, 1, 12, &[])], excludes: &[ai(1), ai(2), ai(415), ai(8006), ai(8020), ai(8026)], key: Some(&[]), ..PLAIN }, // GCN
    Entry { first: 400, last: 400, predefined: false, attribute: true, components: &[must(X, 1, 30, &[])], ..PLAIN }, // ORDER NUMBER
    Entry { first: 401, last: 401, predefined: false, attribute: true, components: &[must(X, 1, 30, &[CompanyPrefix])], key: Some(&[]), ..PLAIN }, // GINC
    Entry { first: 402, last: 402, predefined: false, attribute: true, components: &[must(N, 17, 17, &[CheckDigit, CompanyPrefix])], key: Some(&[]), ..PLAIN }, // GSIN
    Entry { first: 403, last: 403, predefined: false, attribute: true, components: &[must(X, 1, 30, &[])], requires: &[&[ai(0)]], ..PLAIN }, // ROUTE
    Entry { first: 410, last: 410, predefined: true, attribute: true, components: &[must(N, 13, 13, &[CheckDigit, CompanyPrefix])], ..PLAIN }, // SHIP TO LOC
    Entry { first: 411, last: 411, predefined: true, attribute: true, components: &[must(N, 13, 13, &[CheckDigit, CompanyPrefix])], ..PLAIN }, // BILL TO
    Entry { first: 412, last: 412, predefined: true, attribute: true, components: &[must(N, 13, 13, &[CheckDigit, CompanyPrefix])], ..PLAIN }, // PURCHASE FROM
    Entry { first: 413, last: 413, predefined: true, attribute: true, components: &[must(N, 13, 13, &[CheckDigit, CompanyPrefix])], ..PLAIN }, // SHIP FOR LOC
    Entry { first: 414, last: 414, predefined: true, attribute: true, components: &[must(N, 13, 13, &[CheckDigit, CompanyPrefix])], key: Some(&[&[254], &[7040]]), ..PLAIN }, // LOC No.
    Entry { first: 415, last: 415, predefined: true, attribute: true, components: &[must(N, 13, 13, &[CheckDigit, CompanyPrefix])], key: Some(&[&[8020]]), requires: &[&[ai(8020)]], ..PLAIN }, // PAY TO
    Entry { first: 416, last: 416, predefined: true, attribute: true, components: &[must(N, 13, 13, &[CheckDigit, CompanyPrefix])], ..PLAIN }, // PROD/SERV LOC
    Entry { first: 417, last: 417, predefined: true, attribute: true, components: &[must(N, 13, 13, &[CheckDigit, CompanyPrefix])], key: Some(&[&[7040]]), ..PLAIN }, // PARTY
    Entry { first: 420, last: 420, predefined: false, attribute: true, components: &[must(X, 1, 20, &[])], excludes: &[ai(421)], ..PLAIN }, // SHIP TO POST
    Entry { first: 421, last: 421, predefined: false, attribute: true, components: &[must(N, 3, 3, &[Country]), must(X, 1, 9, &[])], excludes: &[ai(4307)], ..PLAIN }, // SHIP TO POST
    Entry { first: 422, last: 422, predefined: false, attribute: true, components: &[must(N, 3, 3, &[Country])], excludes: &[ai(426)], requires: &[&[ai(1)], &[ai(2)], &[ai(3)], &[ai(8006)], &[ai(8026)]], ..PLAIN }, // ORIGIN
    Entry { first: 423, last: 423, predefined: false, attribute: true, components: &[must(N, 3, 3, &[Country]), may(N, 3, 3, &[Country]), may(N, 3, 3, &[Country]), may(N, 3, 3, &[Country]), may(N, 3, 3, &[Country])], excludes: &[ai(426)], requires: &[&[ai(1)], &[ai(2)], &[ai(3)]], ..PLAIN }, // COUNTRY - INITIAL PROCESS
    Entry { first: 424, last: 424, predefined: false, attribute: true, components: &[must(N, 3, 3, &[Country])], excludes: &[ai(426)], requires: &[&[ai(1)], &[ai(2)], &[ai(3)]], ..PLAIN }, // COUNTRY - PROCESS
    Entry { first: 425, last: 425, predefined: false, attribute: true, components: &[must(N, 3, 3, &[Country]), may(N, 3, 3, &[Country]), may(N, 3, 3, &[Country]), may(N, 3, 3, &[Country]), may(N, 3, 3, &[Country])], excludes: &[ai(426)], requires: &[&[ai(1)], &[ai(2)], &[ai(3)]], ..PLAIN }, // COUNTRY - DISASSEMBLY
    Entry { first: 426, last: 426, predefined: false, attribute: true, components: &[must(N, 3, 3, &[Country])], requires: &[&[ai(1)], &[ai(2)], &[ai(3)]], ..PLAIN }, // COUNTRY - FULL PROCESS
    Entry { first: 427, last: 427, predefined: false, attribute: true, components: &[must(X, 1, 3, &[])], requires: &[&[ai(1), ai(422)], &[ai(2), ai(422)], &[ai(3), ai(422)]], ..PLAIN }, // ORIGIN SUBDIVISION
    Entry { first: 710, last: 710, predefined: false, attribute: true, components: &[must(X, 1, 20, &[])], requires: &[&[ai(1)]], ..PLAIN }, // NHRN PZN
    Entry { first: 711, last: 711, predefined: false, attribute: true, components: &[must(X, 1, 20, &[])], requires: &[&[ai(1)]], ..PLAIN }, // NHRN CIP
    Entry { first: 712, last: 712, predefined: false, attribute: true, components: &[must(X, 1, 20, &[])], requires: &[&[ai(1)]], ..PLAIN }, // NHRN CN
    Entry { first: 713, last: 713, predefined: false, attribute: true, components: &[must(X, 1, 20, &[])], requires: &[&[ai(1)]], ..PLAIN }, // NHRN DRN
    Entry { first: 714, last: 714, predefined: false, attribute: true, components: &[must(X, 1, 20, &[])], requires: &[&[ai(1)]], ..PLAIN }, // NHRN AIM
    Entry { first: 715, last: 715, predefined: false, attribute: true, components: &[must(X, 1, 20, &[])], requires: &[&[ai(1)]], ..PLAIN }, // NHRN NDC
    Entry { first: 716, last: 716, predefined: false, attribute: true, components: &[must(X, 1, 20, &[])], requires: &[&[ai(1)]], ..PLAIN }, // NHRN AIC
    Entry { first: 717, last: 717, predefined: false, attribute: true, components: &[must(X, 1, 20, &[])], requires: &[&[ai(1)]], ..PLAIN }, // NHRN SRN
    Entry { first: 3100, last: 3105, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3100, 3109)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // NET WEIGHT (kg)
    Entry { first: 3110, last: 3115, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3110, 3119)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // LENGTH (m)
    Entry { first: 3120, last: 3125, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3120, 3129)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // WIDTH (m)
    Entry { first: 3130, last: 3135, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3130, 3139)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // HEIGHT (m)
    Entry { first: 3140, last: 3145, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3140, 3149)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // AREA (m²)
    Entry { first: 3150, last: 3155, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3150, 3159)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // NET VOLUME (l)
    Entry { first: 3160, last: 3165, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3160, 3169)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // NET VOLUME (m³)
    Entry { first: 3200, last: 3205, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3200, 3209)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // NET WEIGHT (lb)
    Entry { first: 3210, last: 3215, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3210, 3219)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // LENGTH (in)
    Entry { first: 3220, last: 3225, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3220, 3229)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // LENGTH (ft)
    Entry { first: 3230, last: 3235, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3230, 3239)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // LENGTH (yd)
    Entry { first: 3240, last: 3245, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3240, 3249)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // WIDTH (in)
    Entry { first: 3250, last: 3255, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3250, 3259)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // WIDTH (ft)
    Entry { first: 3260, last: 3265, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3260, 3269)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // WIDTH (yd)
    Entry { first: 3270, last: 3275, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3270, 3279)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // HEIGHT (in)
    Entry { first: 3280, last: 3285, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3280, 3289)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // HEIGHT (ft)
    Entry { first: 3290, last: 3295, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3290, 3299)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // HEIGHT (yd)
    Entry { first: 3300, last: 3305, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3300, 3309)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // GROSS WEIGHT (kg)
    Entry { first: 3310, last: 3315, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3310, 3319)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // LENGTH (m), log
    Entry { first: 3320, last: 3325, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3320, 3329)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // WIDTH (m), log
    Entry { first: 3330, last: 3335, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3330, 3339)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // HEIGHT (m), log
    Entry { first: 3340, last: 3345, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3340, 3349)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // AREA (m²), log
    Entry { first: 3350, last: 3355, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3350, 3359)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // VOLUME (l), log
    Entry { first: 3360, last: 3365, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3360, 3369)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // VOLUME (m³), log
    Entry { first: 3370, last: 3375, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3370, 3379)], requires: &[&[ai(1)]], ..PLAIN }, // KG PER m²
    Entry { first: 3400, last: 3405, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3400, 3409)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // GROSS WEIGHT (lb)
    Entry { first: 3410, last: 3415, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3410, 3419)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // LENGTH (in), log
    Entry { first: 3420, last: 3425, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3420, 3429)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // LENGTH (ft), log
    Entry { first: 3430, last: 3435, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3430, 3439)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // LENGTH (yd), log
    Entry { first: 3440, last: 3445, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3440, 3449)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // WIDTH (in), log
    Entry { first: 3450, last: 3455, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3450, 3459)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // WIDTH (ft), log
    Entry { first: 3460, last: 3465, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3460, 3469)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // WIDTH (yd), log
    Entry { first: 3470, last: 3475, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3470, 3479)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // HEIGHT (in), log
    Entry { first: 3480, last: 3485, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3480, 3489)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // HEIGHT (ft), log
    Entry { first: 3490, last: 3495, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3490, 3499)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // HEIGHT (yd), log
    Entry { first: 3500, last: 3505, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3500, 3509)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // AREA (in²)
    Entry { first: 3510, last: 3515, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3510, 3519)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // AREA (ft²)
    Entry { first: 3520, last: 3525, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3520, 3529)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // AREA (yd²)
    Entry { first: 3530, last: 3535, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3530, 3539)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // AREA (in²), log
    Entry { first: 3540, last: 3545, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3540, 3549)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // AREA (ft²), log
    Entry { first: 3550, last: 3555, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3550, 3559)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // AREA (yd²), log
    Entry { first: 3560, last: 3565, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3560, 3569)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // NET WEIGHT (tr oz)
    Entry { first: 3570, last: 3575, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3570, 3579)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // NET VOLUME (oz)
    Entry { first: 3600, last: 3605, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3600, 3609)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // NET VOLUME (qt (US))
    Entry { first: 3610, last: 3615, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3610, 3619)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // NET VOLUME (gal.)
    Entry { first: 3620, last: 3625, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3620, 3629)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // VOLUME (qt (US)), log
    Entry { first: 3630, last: 3635, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3630, 3639)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // VOLUME (gal (US)), log
    Entry { first: 3640, last: 3645, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3640, 3649)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // NET VOLUME (in³)
    Entry { first: 3650, last: 3655, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3650, 3659)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // NET VOLUME (ft³)
    Entry { first: 3660, last: 3665, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3660, 3669)], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // NET VOLUME (yd³)
    Entry { first: 3670, last: 3675, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3670, 3679)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // VOLUME (in³), log
    Entry { first: 3680, last: 3685, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3680, 3689)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // VOLUME (ft³), log
    Entry { first: 3690, last: 3695, predefined: true, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3690, 3699)], requires: &[&[ai(0)], &[ai(1)]], ..PLAIN }, // VOLUME (yd³), log
    Entry { first: 3900, last: 3909, predefined: false, attribute: true, components: &[must(N, 1, 15, &[])], excludes: &[ais(3900, 3909), ais(3910, 3919), ais(3940, 3949), ai(8111)], requires: &[&[ai(255)], &[ai(8020)]], ..PLAIN }, // AMOUNT
    Entry { first: 3910, last: 3919, predefined: false, attribute: true, components: &[must(N, 3, 3, &[Currency]), must(N, 1, 15, &[])], excludes: &[ais(3910, 3919)], requires: &[&[ai(8020)]], ..PLAIN }, // AMOUNT
    Entry { first: 3920, last: 3929, predefined: false, attribute: true, components: &[must(N, 1, 15, &[])], excludes: &[ais(3920, 3929), ais(3930, 3939)], requires: &[&[ai(1), ai(30)], &[ai(1), ais(3100, 3199)], &[ai(1), ais(3200, 3299)], &[ai(1), ais(3500, 3599)], &[ai(1), ais(3600, 3699)]], ..PLAIN }, // PRICE
    Entry { first: 3930, last: 3939, predefined: false, attribute: true, components: &[must(N, 3, 3, &[Currency]), must(N, 1, 15, &[])], excludes: &[ais(3930, 3939)], requires: &[&[ai(30)], &[ais(3100, 3199)], &[ais(3200, 3299)], &[ais(3500, 3599)], &[ais(3600, 3699)]], ..PLAIN }, // PRICE
    Entry { first: 3940, last: 3943, predefined: false, attribute: true, components: &[must(N, 4, 4, &[])], excludes: &[ais(3940, 3949), ai(8111)], requires: &[&[ai(255)]], ..PLAIN }, // PRCNT OFF
    Entry { first: 3950, last: 3955, predefined: false, attribute: true, components: &[must(N, 6, 6, &[])], excludes: &[ais(3920, 3929), ais(3930, 3939), ais(3950, 3959), ai(8005)], requires: &[&[ai(30)], &[ais(3100, 3199)], &[ais(3200, 3299)], &[ais(3500, 3599)], &[ais(3600, 3699)]], ..PLAIN }, // PRICE/UoM
    Entry { first: 4300, last: 4300, predefined: false, attribute: true, components: &[must(X, 1, 35, &[PercentEncoding])], requires: &[&[ai(0)]], ..PLAIN }, // SHIP TO COMP
    Entry { first: 4301, last: 4301, predefined: false, attribute: true, components: &[must(X, 1, 35, &[PercentEncoding])], requires: &[&[ai(0)]], ..PLAIN }, // SHIP TO NAME
    Entry { first: 4302, last: 4302, predefined: false, attribute: true, components: &[must(X, 1, 70, &[PercentEncoding])], requires: &[&[ai(0)]], ..PLAIN }, // SHIP TO ADD1
    Entry { first: 4303, last: 4303, predefined: false, attribute: true, components: &[must(X, 1, 70, &[PercentEncoding])], requires: &[&[ai(4302)]], ..PLAIN }, // SHIP TO ADD2
    Entry { first: 4304, last: 4304, predefined: false, attribute: true, components: &[must(X, 1, 70, &[PercentEncoding])], requires: &[&[ai(0)]], ..PLAIN }, // SHIP TO SUB
    Entry { first: 4305, last: 4305, predefined: false, attribute: true, components: &[must(X, 1, 70, &[PercentEncoding])], requires: &[&[ai(0)]], ..PLAIN }, // SHIP TO LOC
    Entry { first: 4306, last: 4306, predefined: false, attribute: true, components: &[must(X, 1, 70, &[PercentEncoding])], requires: &[&[ai(0)]], ..PLAIN }, // SHIP TO REG
    Entry { first: 4307, last: 4307, predefined: false, attribute: true, components: &[must(X, 2, 2, &[CountryLetters])], requires: &[&[ai(0)]], ..PLAIN }, // SHIP TO COUNTRY
    Entry { first: 4308, last: 4308, predefined: false, attribute: true, components: &[must(X, 1, 30, &[])], requires: &[&[ai(0)]], ..PLAIN }, // SHIP TO PHONE
    Entry { first: 4309, last: 4309, predefined: false, attribute: true, components: &[must(N, 10, 10, &[Latitude]), must(N, 10, 10, &[Longitude])], requires: &[&[ai(0)]], ..PLAIN }, // SHIP TO GEO
    Entry { first: 4310, last: 4310, predefined: false, attribute: true, components: &[must(X, 1, 35, &[PercentEncoding])], requires: &[&[ai(0)]], ..PLAIN }, // RTN TO COMP
    Entry { first: 4311, last: 4311, predefined: false, attribute: true, components: &[must(X, 1, 35, &[PercentEncoding])], requires: &[&[ai(0)]], ..PLAIN }, // RTN TO NAME
    Entry { first: 4312, last: 4312, predefined: false, attribute: true, components: &[must(X, 1, 70, &[PercentEncoding])], requires: &[&[ai(0)]], ..PLAIN }, // RTN TO ADD1
    Entry { first: 4313, last: 4313, predefined: false, attribute: true, components: &[must(X, 1, 70, &[PercentEncoding])], requires: &[&[ai(4312)]], ..PLAIN }, // RTN TO ADD2
    Entry { first: 4314, last: 4314, predefined: false, attribute: true, components: &[must(X, 1, 70, &[PercentEncoding])], requires: &[&[ai(0)]], ..PLAIN }, // RTN TO SUB
    Entry { first: 4315, last: 4315, predefined: false, attribute: true, components: &[must(X, 1, 70, &[PercentEncoding])], requires: &[&[ai(0)]], ..PLAIN }, // RTN TO LOC
    Entry { first: 4316, last: 4316, predefined: false, attribute: true, components: &[must(X, 1, 70, &[PercentEncoding])], requires: &[&[ai(0)]], ..PLAIN }, // RTN TO REG
    Entry { first: 4317, last: 4317, predefined: false, attribute: true, components: &[must(X, 2, 2, &[CountryLetters])], requires: &[&[ai(0)]], ..PLAIN }, // RTN TO COUNTRY
    Entry { first: 4318, last: 4318, predefined: false, attribute: true, components: &[must(X, 1, 20, &[])], requires: &[&[ai(0)]], ..PLAIN }, // RTN TO POST
    Entry { first: 4319, last: 4319, predefined: false, attribute: true, components: &[must(X, 1, 30, &[])], requires: &[&[ai(0)]], ..PLAIN }, // RTN TO PHONE
    Entry { first: 4320, last: 4320, predefined: false, attribute: true, components: &[must(X, 1, 35, &[PercentEncoding])], requires: &[&[ai(0)]], ..PLAIN }, // SRV DESCRIPTION
    Entry { first: 4321, last: 4321, predefined: false, attribute: true, components: &[must(N, 1, 1, &[YesNo])], requires: &[&[ai(0)]], ..PLAIN }, // DANGEROUS GOODS
    Entry { first: 4322, last: 4322, predefined: false, attribute: true, components: &[must(N, 1, 1, &[YesNo])], requires: &[&[ai(0)]], ..PLAIN }, // AUTH TO LEAVE
    Entry { first: 4323, last: 4323, predefined: false, attribute: true, components: &[must(N, 1, 1, &[YesNo])], requires: &[&[ai(0)]], ..PLAIN }, // SIG REQUIRED
    Entry { first: 4324, last: 4324, predefined: false, attribute: true, components: &[must(N, 6, 6, &[DateOrMonth]), must(N, 4, 4, &[HourMinute])], requires: &[&[ai(0)]], ..PLAIN }, // NOT BEF DEL DT
    Entry { first: 4325, last: 4325, predefined: false, attribute: true, components: &[must(N, 6, 6, &[DateOrMonth]), must(N, 4, 4, &[HourMinute])], requires: &[&[ai(0)]], ..PLAIN }, // NOT AFT DEL DT
    Entry { first: 4326, last: 4326, predefined: false, attribute: true, components: &[must(N, 6, 6, &[Date])], requires: &[&[ai(0)]], ..PLAIN }, // REL DATE
    Entry { first: 4330, last: 4330, predefined: false, attribute: true, components: &[must(N, 6, 6, &[]), may(X, 1, 1, &[Hyphen])], excludes: &[ai(4331)], requires: &[&[ai(0)]], ..PLAIN }, // MAX TEMP F.
    Entry { first: 4331, last: 4331, predefined: false, attribute: true, components: &[must(N, 6, 6, &[]), may(X, 1, 1, &[Hyphen])], excludes: &[ai(4330)], requires: &[&[ai(0)]], ..PLAIN }, // MAX TEMP C.
    Entry { first: 4332, last: 4332, predefined: false, attribute: true, components: &[must(N, 6, 6, &[]), may(X, 1, 1, &[Hyphen])], excludes: &[ai(4333)], requires: &[&[ai(0)]], ..PLAIN }, // MIN TEMP F.
    Entry { first: 4333, last: 4333, predefined: false, attribute: true, components: &[must(N, 6, 6, &[]), may(X, 1, 1, &[Hyphen])], excludes: &[ai(4332)], requires: &[&[ai(0)]], ..PLAIN }, // MIN TEMP C.
    Entry { first: 7001, last: 7001, predefined: false, attribute: true, components: &[must(N, 13, 13, &[])], requires: &[&[ai(1)], &[ai(2)], &[ai(8006)], &[ai(8026)]], ..PLAIN }, // NSN
    Entry { first: 7002, last: 7002, predefined: false, attribute: true, components: &[must(X, 1, 30, &[])], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // MEAT CUT
    Entry { first: 7003, last: 7003, predefined: false, attribute: true, components: &[must(N, 6, 6, &[Date]), must(N, 4, 4, &[HourMinute])], requires: &[&[ai(1)], &[ai(2)], &[ai(3)]], ..PLAIN }, // EXPIRY TIME
    Entry { first: 7004, last: 7004, predefined: false, attribute: true, components: &[must(N, 1, 4, &[])], requires: &[&[ai(1), ai(10)], &[ai(3), ai(10)]], ..PLAIN }, // ACTIVE POTENCY
    Entry { first: 7005, last: 7005, predefined: false, attribute: true, components: &[must(X, 1, 12, &[])], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // CATCH AREA
    Entry { first: 7006, last: 7006, predefined: false, attribute: true, components: &[must(N, 6, 6, &[Date])], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // FIRST FREEZE DATE
    Entry { first: 7007, last: 7007, predefined: false, attribute: true, components: &[must(N, 6, 6, &[Date]), may(N, 6, 6, &[Date])], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // HARVEST DATE
    Entry { first: 7008, last: 7008, predefined: false, attribute: true, components: &[must(X, 1, 3, &[])], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // AQUATIC SPECIES
    Entry { first: 7009, last: 7009, predefined: false, attribute: true, components: &[must(X, 1, 10, &[])], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // FISHING GEAR TYPE
    Entry { first: 7010, last: 7010, predefined: false, attribute: true, components: &[must(X, 1, 2, &[])], requires: &[&[ai(1)], &[ai(2)], &[ai(3)]], ..PLAIN }, // PROD METHOD
    Entry { first: 7011, last: 7011, predefined: false, attribute: true, components: &[must(N, 6, 6, &[Date]), may(N, 4, 4, &[HourMinute])], requires: &[&[ai(1)], &[ai(2)], &[ai(3)]], ..PLAIN }, // TEST BY DATE
    Entry { first: 7020, last: 7020, predefined: false, attribute: true, components: &[must(X, 1, 20, &[])], requires: &[&[ai(1), ai(416)], &[ai(3), ai(416)], &[ai(8006), ai(416)]], ..PLAIN }, // REFURB LOT
    Entry { first: 7021, last: 7021, predefined: false, attribute: true, components: &[must(X, 1, 20, &[])], requires: &[&[ai(1)], &[ai(3)], &[ai(8006)]], ..PLAIN }, // FUNC STAT
    Entry { first: 7022, last: 7022, predefined: false, attribute: true, components: &[must(X, 1, 20, &[])], requires: &[&[ai(1), ai(7021)], &[ai(3), ai(7021)], &[ai(8006), ai(7021)]], ..PLAIN }, // REV STAT
    Entry { first: 7023, last: 7023, predefined: false, attribute: true, components: &[must(X, 1, 30, &[CompanyPrefix])], ..PLAIN }, // GIAI - ASSEMBLY
    Entry { first: 7030, last: 7030, predefined: false, attribute: true, components: &[must(N, 3, 3, &[CountryOr999]), must(X, 1, 27, &[])], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // PROCESSOR # 0
    Entry { first: 7031, last: 7031, predefined: false, attribute: true, components: &[must(N, 3, 3, &[CountryOr999]), must(X, 1, 27, &[])], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // PROCESSOR # 1
    Entry { first: 7032, last: 7032, predefined: false, attribute: true, components: &[must(N, 3, 3, &[CountryOr999]), must(X, 1, 27, &[])], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // PROCESSOR # 2
    Entry { first: 7033, last: 7033, predefined: false, attribute: true, components: &[must(N, 3, 3, &[CountryOr999]), must(X, 1, 27, &[])], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // PROCESSOR # 3
    Entry { first: 7034, last: 7034, predefined: false, attribute: true, components: &[must(N, 3, 3, &[CountryOr999]), must(X, 1, 27, &[])], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // PROCESSOR # 4
    Entry { first: 7035, last: 7035, predefined: false, attribute: true, components: &[must(N, 3, 3, &[CountryOr999]), must(X, 1, 27, &[])], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // PROCESSOR # 5
    Entry { first: 7036, last: 7036, predefined: false, attribute: true, components: &[must(N, 3, 3, &[CountryOr999]), must(X, 1, 27, &[])], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // PROCESSOR # 6
    Entry { first: 7037, last: 7037, predefined: false, attribute: true, components: &[must(N, 3, 3, &[CountryOr999]), must(X, 1, 27, &[])], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // PROCESSOR # 7
    Entry { first: 7038, last: 7038, predefined: false, attribute: true, components: &[must(N, 3, 3, &[CountryOr999]), must(X, 1, 27, &[])], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // PROCESSOR # 8
    Entry { first: 7039, last: 7039, predefined: false, attribute: true, components: &[must(N, 3, 3, &[CountryOr999]), must(X, 1, 27, &[])], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // PROCESSOR # 9
    Entry { first: 7040, last: 7040, predefined: false, attribute: false, components: &[must(N, 1, 1, &[]), must(X, 1, 1, &[]), must(X, 1, 1, &[]), must(X, 1, 1, &[ImporterIndex])], ..PLAIN }, // UIC+EXT
    Entry { first: 7041, last: 7041, predefined: false, attribute: false, components: &[must(X, 1, 4, &[])], requires: &[&[ai(0)]], ..PLAIN }, // UFRGT UNIT TYPE
    Entry { first: 7230, last: 7230, predefined: false, attribute: true, components: &[must(X, 2, 2, &[]), must(X, 1, 28, &[])], requires: &[&[ai(1)], &[ai(8004)]], ..PLAIN }, // CERT # 1
    Entry { first: 7231, last: 7231, predefined: false, attribute: true, components: &[must(X, 2, 2, &[]), must(X, 1, 28, &[])], requires: &[&[ai(1)], &[ai(8004)]], ..PLAIN }, // CERT # 2
    Entry { first: 7232, last: 7232, predefined: false, attribute: true, components: &[must(X, 2, 2, &[]), must(X, 1, 28, &[])], requires: &[&[ai(1)], &[ai(8004)]], ..PLAIN }, // CERT # 3
    Entry { first: 7233, last: 7233, predefined: false, attribute: true, components: &[must(X, 2, 2, &[]), must(X, 1, 28, &[])], requires: &[&[ai(1)], &[ai(8004)]], ..PLAIN }, // CERT # 4
    Entry { first: 7234, last: 7234, predefined: false, attribute: true, components: &[must(X, 2, 2, &[]), must(X, 1, 28, &[])], requires: &[&[ai(1)], &[ai(8004)]], ..PLAIN }, // CERT # 5
    Entry { first: 7235, last: 7235, predefined: false, attribute: true, components: &[must(X, 2, 2, &[]), must(X, 1, 28, &[])], requires: &[&[ai(1)], &[ai(8004)]], ..PLAIN }, // CERT # 6
    Entry { first: 7236, last: 7236, predefined: false, attribute: true, components: &[must(X, 2, 2, &[]), must(X, 1, 28, &[])], requires: &[&[ai(1)], &[ai(8004)]], ..PLAIN }, // CERT # 7
    Entry { first: 7237, last: 7237, predefined: false, attribute: true, components: &[must(X, 2, 2, &[]), must(X, 1, 28, &[])], requires: &[&[ai(1)], &[ai(8004)]], ..PLAIN }, // CERT # 8
    Entry { first: 7238, last: 7238, predefined: false, attribute: true, components: &[must(X, 2, 2, &[]), must(X, 1, 28, &[])], requires: &[&[ai(1)], &[ai(8004)]], ..PLAIN }, // CERT # 9
    Entry { first: 7239, last: 7239, predefined: false, attribute: true, components: &[must(X, 2, 2, &[]), must(X, 1, 28, &[])], requires: &[&[ai(1)], &[ai(8004)]], ..PLAIN }, // CERT # 10
    Entry { first: 7240, last: 7240, predefined: false, attribute: true, components: &[must(X, 1, 20, &[])], excludes: &[ai(3)], requires: &[&[ai(1)], &[ai(8006)]], ..PLAIN }, // PROTOCOL
    Entry { first: 7241, last: 7241, predefined: false, attribute: true, components: &[must(N, 2, 2, &[MediaType])], requires: &[&[ai(8017)], &[ai(8018)]], ..PLAIN }, // AIDC MEDIA TYPE
    Entry { first: 7242, last: 7242, predefined: false, attribute: true, components: &[must(X, 1, 25, &[])], requires: &[&[ai(8017)], &[ai(8018)]], ..PLAIN }, // VCN
    Entry { first: 7250, last: 7250, predefined: false, attribute: true, components: &[must(N, 8, 8, &[FullDate])], excludes: &[ai(7251)], requires: &[&[ai(8018)]], ..PLAIN }, // DOB
    Entry { first: 7251, last: 7251, predefined: false, attribute: true, components: &[must(N, 8, 8, &[FullDate]), must(N, 4, 4, &[HourMinute])], excludes: &[ai(7250)], requires: &[&[ai(8018)]], ..PLAIN }, // DOB TIME
    Entry { first: 7252, last: 7252, predefined: false, attribute: true, components: &[must(N, 1, 1, &[Sex])], requires: &[&[ai(8018)]], ..PLAIN }, // BIO SEX
    Entry { first: 7253, last: 7253, predefined: false, attribute: true, components: &[must(X, 1, 40, &[PercentEncoding])], excludes: &[ai(7256), ai(7259)], requires: &[&[ai(8017)], &[ai(8018)]], ..PLAIN }, // FAMILY NAME
    Entry { first: 7254, last: 7254, predefined: false, attribute: true, components: &[must(X, 1, 40, &[PercentEncoding])], excludes: &[ai(7256), ai(7259)], requires: &[&[ai(8017)], &[ai(8018)]], ..PLAIN }, // GIVEN NAME
    Entry { first: 7255, last: 7255, predefined: false, attribute: true, components: &[must(X, 1, 10, &[])], excludes: &[ai(7256), ai(7259)], requires: &[&[ai(8017)], &[ai(8018)]], ..PLAIN }, // SUFFIX
    Entry { first: 7256, last: 7256, predefined: false, attribute: true, components: &[must(X, 1, 90, &[PercentEncoding])], requires: &[&[ai(8017)], &[ai(8018)]], ..PLAIN }, // FULL NAME
    Entry { first: 7257, last: 7257, predefined: false, attribute: true, components: &[must(X, 1, 70, &[PercentEncoding])], requires: &[&[ai(8018)]], ..PLAIN }, // PERSON ADDR
    Entry { first: 7258, last: 7258, predefined: false, attribute: true, components: &[must(X, 3, 3, &[PositionOfEnd])], requires: &[&[ai(8018), ai(7259)]], ..PLAIN }, // BIRTH SEQUENCE
    Entry { first: 7259, last: 7259, predefined: false, attribute: true, components: &[must(X, 1, 40, &[PercentEncoding])], excludes: &[ai(7256)], requires: &[&[ai(8018)]], ..PLAIN }, // BABY
    Entry { first: 8001, last: 8001, predefined: false, attribute: true, components: &[must(N, 4, 4, &[NotZero]), must(N, 5, 5, &[NotZero]), must(N, 3, 3, &[NotZero]), must(N, 1, 1, &[Winding]), must(N, 1, 1, &[])], requires: &[&[ai(1)]], ..PLAIN }, // DIMENSIONS
    Entry { first: 8002, last: 8002, predefined: false, attribute: true, components: &[must(X, 1, 20, &[])], ..PLAIN }, // CMT No.
    Entry { first: 8003, last: 8003, predefined: false, attribute: true, components: &[must(N, 1, 1, &[Zero]), must(N, 13, 13, &[CheckDigit, CompanyPrefix]), may(X, 1, 16, &[])], key: Some(&[]), ..PLAIN }, // GRAI
    Entry { first: 8004, last: 8004, predefined: false, attribute: true, components: &[must(X, 1, 30, &[CompanyPrefix])], key: Some(&[&[7040]]), ..PLAIN }, // GIAI
    Entry { first: 8005, last: 8005, predefined: false, attribute: true, components: &[must(N, 6, 6, &[])], requires: &[&[ai(1)], &[ai(2)]], ..PLAIN }, // PRICE PER UNIT
    Entry { first: 8006, last: 8006, predefined: false, attribute: true, components: &[must(N, 14, 14, &[CheckDigit, CompanyPrefixSecond]), must(N, 4, 4, &[PieceOfTotal])], excludes: &[ai(1), ai(3), ai(37)], key: Some(&[&[22, 10, 21]]), ..PLAIN }, // ITIP
    Entry { first: 8007, last: 8007, predefined: false, attribute: true, components: &[must(X, 1, 34, &[Iban])], requires: &[&[ai(415)]], ..PLAIN }, // IBAN
    Entry { first: 8008, last: 8008, predefined: false, attribute: true, components: &[must(N, 6, 6, &[Date]), must(N, 2, 2, &[Hour]), may(N, 2, 2, &[Minute]), may(N, 2, 2, &[Second])], requires: &[&[ai(1)], &[ai(2)], &[ai(3)]], ..PLAIN }, // PROD TIME
    Entry { first: 8009, last: 8009, predefined: false, attribute: true, components: &[must(X, 1, 50, &[])], requires: &[&[ai(0)], &[ai(1)], &[ai(3)]], ..PLAIN }, // OPTSEN
    Entry { first: 8010, last: 8010, predefined: false, attribute: true, components: &[must(Y, 1, 30, &[CompanyPrefix])], key: Some(&[&[8011]]), ..PLAIN }, // CPID
    Entry { first: 8011, last: 8011, predefined: false, attribute: false, components: &[must(N, 1, 12, &[NoLeadingZero])], requires: &[&[ai(8010)]], ..PLAIN }, // CPID SERIAL
    Entry { first: 8012, last: 8012, predefined: false, attribute: true, components: &[must(X, 1, 20, &[])], requires: &[&[ai(1)], &[ai(3)], &[ai(8006)]], ..PLAIN }, // VERSION
    Entry { first: 8013, last: 8013, predefined: false, attribute: true, components: &[must(X, 1, 25, &[CheckCharacters, CompanyPrefix])], key: Some(&[]), ..PLAIN }, // GMN
    Entry { first: 8014, last: 8014, predefined: false, attribute: false, components: &[must(X, 1, 25, &[CheckCharacters, CompanyPrefix, HasNonDigit])], requires: &[&[ai(1)]], ..PLAIN }, // MUDI
    Entry { first: 8017, last: 8017, predefined: false, attribute: true, components: &[must(N, 18, 18, &[CheckDigit, CompanyPrefix])], excludes: &[ai(8018)], key: Some(&[&[8019]]), ..PLAIN }, // GSRN - PROVIDER
    Entry { first: 8018, last: 8018, predefined: false, attribute: true, components: &[must(N, 18, 18, &[CheckDigit, CompanyPrefix])], excludes: &[ai(8017)], key: Some(&[&[8019]]), ..PLAIN }, // GSRN - RECIPIENT
    Entry { first: 8019, last: 8019, predefined: false, attribute: false, components: &[must(N, 1, 10, &[])], requires: &[&[ai(8017)], &[ai(8018)]], ..PLAIN }, // SRIN
    Entry { first: 8020, last: 8020, predefined: false, attribute: false, components: &[must(X, 1, 25, &[])], requires: &[&[ai(415)]], ..PLAIN }, // REF No.
    Entry { first: 8026, last: 8026, predefined: false, attribute: true, components: &[must(N, 14, 14, &[CheckDigit, CompanyPrefixSecond]), must(N, 4, 4, &[PieceOfTotal])], excludes: &[ai(2), ai(3), ai(8006)], requires: &[&[ai(37)]], ..PLAIN }, // ITIP CONTENT
    Entry { first: 8030, last: 8030, predefined: false, attribute: true, components: &[must(Z, 1, 90, &[])], requires: &[&[ai(0)], &[ai(1), ai(21)], &[ai(3), ai(21)], &[ai(253)], &[ai(255)], &[ai(8003)], &[ai(8004)], &[ai(8006), ai(21)], &[ai(8010), ai(8011)], &[ai(8017)], &[ai(8018)]], ..PLAIN }, // DIGSIG
    Entry { first: 8040, last: 8040, predefined: false, attribute: false, components: &[must(N, 15, 15, &[])], requires: &[&[ai(1), ai(21)]], ..PLAIN }, // IMEI
    Entry { first: 8041, last: 8041, predefined: false, attribute: false, components: &[must(N, 15, 15, &[])], requires: &[&[ai(1), ai(21), ai(8040)]], ..PLAIN }, // IMEI2
    Entry { first: 8042, last: 8042, predefined: false, attribute: false, components: &[must(N, 32, 32, &[])], requires: &[&[ai(1), ai(21), ai(8040)]], ..PLAIN }, // ESIM
    Entry { first: 8043, last: 8043, predefined: false, attribute: false, components: &[must(N, 18, 18, &[]), may(N, 1, 2, &[])], requires: &[&[ai(1), ai(21), ai(8040)]], ..PLAIN }, // PSIM
    Entry { first: 8110, last: 8110, predefined: false, attribute: true, components: &[must(X, 1, 70, &[])], ..PLAIN },
    Entry { first: 8111, last: 8111, predefined: false, attribute: true, components: &[must(N, 4, 4, &[])], requires: &[&[ai(255)]], ..PLAIN }, // POINTS
    Entry { first: 8112, last: 8112, predefined: false, attribute: true, components: &[must(X, 1, 70, &[])], ..PLAIN },
    Entry { first: 8200, last: 8200, predefined: false, attribute: false, components: &[must(X, 1, 70, &[])], requires: &[&[ai(1)]], ..PLAIN }, // PRODUCT URL
];
