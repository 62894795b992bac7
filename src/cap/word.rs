//! The words that CAP's schema lists: each enum has its own, letter by letter. What enters is a word; what leaves is its meaning, or
//! none.

/// An enum whose names in documents are those of its variants.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $word:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$of])* $word),+
        }

        impl $name {
            /// Every one, in the schema's order.
            pub const ALL: &'static [Self] = &[$(Self::$word),+];

            /// The word in documents.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$word => stringify!($word)),+
                }
            }

            /// The one of that word, letter by letter.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.word() == word)
            }
        }
    };
}

words! {
    /// What a message is to be taken for.
    Status {
        /// To be acted upon.
        Actual,
        /// For those who take part in an exercise; its name stands in `note`.
        Exercise,
        /// Between systems.
        System,
        /// For tests of the technology alone.
        Test,
        /// Not to be acted upon: not finished.
        Draft,
    }
}

words! {
    /// What a message does.
    MsgType {
        /// Says something new.
        Alert,
        /// Takes the place of those that it references.
        Update,
        /// Withdraws those that it references.
        Cancel,
        /// Says that those that it references were received and accepted.
        Ack,
        /// Refuses those that it references; why stands in `note`.
        Error,
    }
}

words! {
    /// Whom a message is for.
    Scope {
        /// Everybody.
        Public,
        /// Those whom `restriction` describes.
        Restricted,
        /// Those whom `addresses` lists.
        Private,
    }
}

words! {
    /// What kind of danger an event is.
    Category {
        /// Geophysical, landslides included.
        Geo,
        /// Meteorological, floods included.
        Met,
        /// General emergency and public safety.
        Safety,
        /// Law enforcement, military, homeland and private security: fraud too.
        Security,
        /// Rescue and recovery.
        Rescue,
        /// Fire suppression and rescue.
        Fire,
        /// Medical and public health.
        Health,
        /// Pollution and other environmental.
        Env,
        /// Public and private transportation.
        Transport,
        /// Utilities, telecommunication and other infrastructure.
        Infra,
        /// Chemical, biological, radiological, nuclear or explosive.
        CBRNE,
        /// Other events.
        Other,
    }
}

words! {
    /// What those who read it should do.
    ResponseType {
        /// Take shelter in place.
        Shelter,
        /// Leave.
        Evacuate,
        /// Make preparations.
        Prepare,
        /// Do what was prepared.
        Execute,
        /// Keep away.
        Avoid,
        /// Look for further information.
        Monitor,
        /// Judge what it says; not for public warnings.
        Assess,
        /// The danger is over.
        AllClear,
        /// Nothing.
        None,
    }
}

words! {
    /// How soon to act.
    Urgency {
        /// At once.
        Immediate,
        /// Within the hour.
        Expected,
        /// In the near future.
        Future,
        /// No longer.
        Past,
        /// Not known.
        Unknown,
    }
}

words! {
    /// How bad it is.
    Severity {
        /// An extraordinary threat to life or property.
        Extreme,
        /// A significant threat.
        Severe,
        /// A possible threat.
        Moderate,
        /// Little or none known.
        Minor,
        /// Not known.
        Unknown,
    }
}

words! {
    /// How sure it is.
    Certainty {
        /// It happened, or goes on.
        Observed,
        /// More likely than not.
        Likely,
        /// Possible, but not likely.
        Possible,
        /// Hardly expected.
        Unlikely,
        /// Not known.
        Unknown,
    }
}
