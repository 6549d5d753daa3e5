//! How a page is looked at: the window, and who sits before it.

use serde_json::{Value, json};

/// A window, and what its user has asked for.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// CSS pixels, each one pixel of a picture.
    pub width: u32,
    pub height: u32,
    pub dark: bool,
    pub reduced_motion: bool,
    pub vision: Vision,
}

/// What the user's eyes tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vision {
    Full,
    /// Without the green cones: 1 man in 90 sees so, 1 in 20 nearly.
    Deuteranopia,
    /// Without the red ones.
    Protanopia,
    /// Without the blue ones.
    Tritanopia,
    /// Light and dark only.
    Achromatopsia,
}

impl Vision {
    pub const ALL: [Vision; 5] =
        [Vision::Full, Vision::Deuteranopia, Vision::Protanopia, Vision::Tritanopia, Vision::Achromatopsia];

    fn word(self) -> &'static str {
        match self {
            Vision::Full => "none",
            Vision::Deuteranopia => "deuteranopia",
            Vision::Protanopia => "protanopia",
            Vision::Tritanopia => "tritanopia",
            Vision::Achromatopsia => "achromatopsia",
        }
    }
}

impl Look {
    /// A light window of this size.
    #[must_use]
    pub const fn sized(width: u32, height: u32) -> Look {
        Look { width, height, dark: false, reduced_motion: false, vision: Vision::Full }
    }

    #[must_use]
    pub const fn dark(self) -> Look {
        Look { dark: true, ..self }
    }

    #[must_use]
    pub const fn still(self) -> Look {
        Look { reduced_motion: true, ..self }
    }

    #[must_use]
    pub const fn seen_with(self, vision: Vision) -> Look {
        Look { vision, ..self }
    }

    /// The calls of the protocol that make a page look so.
    pub(super) fn calls(self) -> [(&'static str, Value); 3] {
        let size = json!({ "width": self.width, "height": self.height, "deviceScaleFactor": 1, "mobile": false });
        let wishes = json!({ "features": [
            { "name": "prefers-color-scheme", "value": if self.dark { "dark" } else { "light" } },
            { "name": "prefers-reduced-motion", "value": if self.reduced_motion { "reduce" } else { "no-preference" } },
        ] });
        [
            ("Emulation.setDeviceMetricsOverride", size),
            ("Emulation.setEmulatedMedia", wishes),
            ("Emulation.setEmulatedVisionDeficiency", json!({ "type": self.vision.word() })),
        ]
    }
}
