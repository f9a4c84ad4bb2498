//! Decision tests in a body, as they stand in the files of `doorward authz test`.

use serde_json::{Value, json};

use super::body::{Shape, members};
use super::call::Call;
use crate::admin::trial::Trial;
use crate::decision::given::{Case, Properties};

/// What [`Case`] is read from.
impl Shape for Case {
    fn schema() -> Value {
        let text = || json!({ "type": "string", "maxLength": 65536 });
        let optional = |kind: &str| json!({ "type": [kind, "null"] });
        members(
            &[
                ("subject", text(), "Who, as type:id"),
                ("action", text(), "What"),
                ("resource", text(), "To what, as type:id"),
                ("decision", json!({ "type": "boolean" }), "What must come out"),
            ],
            &[
                ("name", optional("string"), "What it shows, for whoever reads that it failed"),
                ("properties", Properties::schema(), "What a request would say of its parts"),
                ("context", json!({ "type": "object" }), "The context of the request"),
                ("now", json!({ "type": ["string", "null"], "format": "date-time" }), "Another time than now"),
            ],
        )
    }
}

impl Shape for Properties {
    fn schema() -> Value {
        let part = || json!({ "type": "object" });
        members(
            &[],
            &[
                ("subject", part(), "Of the subject"),
                ("action", part(), "Of the action"),
                ("resource", part(), "Of the resource"),
            ],
        )
    }
}

/// These cases, decided by this node.
pub(super) fn trial<'a>(call: &'a Call, cases: &'a [Case]) -> Trial<'a> {
    Trial { decisions: call.app.provider.decisions(), cases }
}
