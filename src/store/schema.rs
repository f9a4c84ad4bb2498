//! The tables, as `migrations/` makes them in both databases.

diesel::table! {
    use diesel::sql_types::{BigInt, SmallInt};
    use crate::store::types::Id;

    revisions (id) {
        id -> SmallInt,
        epoch -> Id,
        revision -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Integer, Nullable, Text};
    use crate::store::types::{Doc, Moment};

    changes (revision, ordinal) {
        revision -> BigInt,
        ordinal -> Integer,
        kind -> Text,
        key -> Text,
        actor -> Text,
        at -> Moment,
        before -> Nullable<Doc>,
        after -> Nullable<Doc>,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Nullable, Text};
    use crate::store::types::{Doc, Id, Moment};

    people (id) {
        id -> Id,
        sub -> Text,
        username -> Text,
        name -> Nullable<Text>,
        email -> Nullable<Text>,
        created_at -> Moment,
        disabled_at -> Nullable<Moment>,
        email_verified -> Bool,
        profile -> Doc,
        updated_at -> Moment,
        locked_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::store::types::Id;

    person_names (name) {
        name -> Text,
        folded -> Text,
        person_id -> Id,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Text};
    use crate::store::types::{Id, Moment};

    resource_servers (id) {
        id -> Id,
        name -> Text,
        identifier -> Text,
        scopes -> Text,
        claim_roles -> Bool,
        claim_permissions -> Bool,
        created_at -> Moment,
        model_version -> BigInt,
        policy_version -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::store::types::Id;

    permissions (resource_server_id, action, resource_type) {
        resource_server_id -> Id,
        action -> Text,
        resource_type -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
    use crate::store::types::{Id, Moment};

    clients (id) {
        id -> Id,
        client_id -> Text,
        name -> Nullable<Text>,
        auth_method -> Text,
        secret_digest -> Nullable<Binary>,
        jwks -> Nullable<Text>,
        scopes -> Text,
        created_at -> Moment,
        disabled_at -> Nullable<Moment>,
        grant_types -> Text,
        redirect_uris -> Text,
        post_logout_redirect_uris -> Text,
        first_party -> Bool,
        pkce_optional -> Bool,
        default_max_age_seconds -> Nullable<BigInt>,
        backchannel_logout_uri -> Nullable<Text>,
        sector -> Nullable<Text>,
    }
}

diesel::table! {
    use crate::store::types::Id;

    client_resources (client_id, resource_server_id) {
        client_id -> Id,
        resource_server_id -> Id,
    }
}

diesel::table! {
    use crate::store::types::Id;

    client_servers (client_id, resource_server_id) {
        client_id -> Id,
        resource_server_id -> Id,
    }
}

diesel::table! {
    use diesel::sql_types::Binary;
    use crate::store::types::Moment;

    spent_assertions (digest) {
        digest -> Binary,
        expires_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::store::types::{Id, Moment};

    roles (id) {
        id -> Id,
        resource_server_id -> Id,
        name -> Text,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::store::types::Id;

    role_permissions (role_id, action, resource_type) {
        role_id -> Id,
        action -> Text,
        resource_type -> Text,
    }
}

diesel::table! {
    use crate::store::types::Id;

    role_includes (role_id, included_id) {
        role_id -> Id,
        included_id -> Id,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::store::types::{Id, Moment};

    groups (id) {
        id -> Id,
        name -> Text,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::store::types::{Id, Moment};

    group_members (member_id, group_id) {
        member_kind -> Text,
        member_id -> Id,
        group_id -> Id,
        not_before -> Nullable<Moment>,
        expires_at -> Nullable<Moment>,
        reason -> Nullable<Text>,
        given_by -> Text,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::store::types::{Id, Moment};

    assignments (id) {
        id -> Id,
        resource_server_id -> Id,
        principal_kind -> Text,
        principal_id -> Id,
        role_id -> Nullable<Id>,
        action -> Nullable<Text>,
        resource_type -> Nullable<Text>,
        effect -> Text,
        not_before -> Nullable<Moment>,
        expires_at -> Nullable<Moment>,
        reason -> Nullable<Text>,
        given_by -> Text,
        created_at -> Moment,
        scope -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Nullable, Text};
    use crate::store::types::{Doc, Id, Moment};

    grants (id) {
        id -> Id,
        client_id -> Id,
        person_id -> Id,
        scopes -> Text,
        created_at -> Moment,
        ended_at -> Nullable<Moment>,
        end_reason -> Nullable<Text>,
        session_id -> Nullable<Id>,
        offline -> Bool,
        resources -> Text,
        auth_time -> Nullable<Moment>,
        acr -> Nullable<Text>,
        amr -> Nullable<Text>,
        claims -> Nullable<Doc>,
        sub -> Nullable<Text>,
    }
}

diesel::table! {
    use crate::store::types::{Id, Moment};

    denied_tokens (id) {
        id -> Id,
        expires_at -> Moment,
        denied_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use crate::store::types::{Doc, Moment};

    signing_keys (kid) {
        kid -> Text,
        state -> Text,
        moment -> Moment,
        public_jwk -> Doc,
        sealed -> Nullable<Binary>,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable};
    use crate::store::types::Moment;

    setup_links (digest) {
        digest -> Binary,
        created_at -> Moment,
        expires_at -> Moment,
        used_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::store::types::{Doc, Id, Moment};

    facts (id) {
        id -> Id,
        at -> Moment,
        kind -> Text,
        actor -> Text,
        subject -> Text,
        revision -> Nullable<BigInt>,
        request_id -> Nullable<Text>,
        detail -> Doc,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::store::types::Id;

    fact_resources (resource_server_id, resource, fact_id) {
        resource_server_id -> Id,
        resource -> Text,
        fact_id -> Id,
    }
}

diesel::table! {
    use diesel::sql_types::{Integer, Nullable, Text};
    use crate::store::types::{Doc, Id, Moment};

    outbox (id) {
        id -> Id,
        topic -> Text,
        payload -> Doc,
        attempts -> Integer,
        due_at -> Moment,
        claimed_until -> Nullable<Moment>,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::store::types::{Id, Moment};

    passwords (person_id) {
        person_id -> Id,
        hash -> Text,
        changed_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use crate::store::types::{Id, Moment};

    sessions (id) {
        id -> Id,
        person_id -> Id,
        secret_digest -> Binary,
        auth_time -> Moment,
        acr -> Text,
        amr -> Text,
        created_at -> Moment,
        seen_at -> Moment,
        expires_at -> Moment,
        ended_at -> Nullable<Moment>,
        end_reason -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use crate::store::types::{Doc, Id, Moment};

    interactions (id) {
        id -> Id,
        browser_digest -> Binary,
        request -> Doc,
        created_at -> Moment,
        expires_at -> Moment,
        session_id -> Nullable<Id>,
        authenticated_at -> Nullable<Moment>,
        consented_at -> Nullable<Moment>,
        ended_at -> Nullable<Moment>,
        account_choice -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::store::types::{Id, Moment};

    consents (person_id, client_id) {
        person_id -> Id,
        client_id -> Id,
        scopes -> Text,
        resources -> Text,
        updated_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use crate::store::types::{Id, Moment};

    codes (digest) {
        digest -> Binary,
        grant_id -> Id,
        client_id -> Id,
        redirect_uri -> Text,
        challenge -> Nullable<Text>,
        nonce -> Nullable<Text>,
        expires_at -> Moment,
        keep_until -> Moment,
        spent_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::Nullable;
    use crate::store::types::{Id, Moment};

    refresh_families (id) {
        id -> Id,
        grant_id -> Id,
        created_at -> Moment,
        used_at -> Moment,
        idle_expires_at -> Moment,
        expires_at -> Moment,
        ended_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable};
    use crate::store::types::{Id, Moment};

    refresh_tokens (digest) {
        digest -> Binary,
        family_id -> Id,
        created_at -> Moment,
        spent_at -> Nullable<Moment>,
        successor -> Nullable<Binary>,
        successor_sealed -> Nullable<Binary>,
    }
}

diesel::table! {
    use diesel::sql_types::{Integer, Text};
    use crate::store::types::Moment;

    throttles (key) {
        key -> Text,
        attempts -> Integer,
        window_ends_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::store::types::Id;

    pairwise_subjects (person_id, sector) {
        person_id -> Id,
        sector -> Text,
        sub -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};
    use crate::store::types::{Doc, Id, Moment};

    models (resource_server_id, version) {
        resource_server_id -> Id,
        version -> BigInt,
        document -> Doc,
        given_by -> Text,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};
    use crate::store::types::{Id, Moment};

    policies (resource_server_id, version) {
        resource_server_id -> Id,
        version -> BigInt,
        policy_text -> Text,
        given_by -> Text,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::store::types::{Doc, Id, Moment};

    resources (resource_server_id, object) {
        resource_server_id -> Id,
        object -> Text,
        attributes -> Doc,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::store::types::{Id, Moment};

    external_subjects (id) {
        id -> Id,
        resource_server_id -> Id,
        subject -> Text,
        disabled_at -> Nullable<Moment>,
        created_at -> Moment,
    }
}

diesel::table! {
    use crate::store::types::{Doc, Id};

    subject_attributes (principal_id, resource_server_id) {
        resource_server_id -> Id,
        principal_id -> Id,
        attributes -> Doc,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::store::types::{Id, Moment};

    edges (resource_server_id, object, subject, subject_kind, subject_relation, relation) {
        resource_server_id -> Id,
        object -> Text,
        relation -> Text,
        subject_kind -> Text,
        subject -> Text,
        subject_relation -> Text,
        not_before -> Nullable<Moment>,
        expires_at -> Nullable<Moment>,
        reason -> Nullable<Text>,
        given_by -> Text,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use crate::store::types::{Id, Moment};

    api_keys (id) {
        id -> Id,
        digest -> Binary,
        prefix -> Text,
        name -> Text,
        owner_kind -> Text,
        owner_id -> Id,
        permissions -> Text,
        created_by -> Text,
        created_at -> Moment,
        expires_at -> Moment,
        revoked_at -> Nullable<Moment>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    revisions,
    changes,
    people,
    person_names,
    resource_servers,
    permissions,
    clients,
    client_resources,
    client_servers,
    spent_assertions,
    roles,
    role_permissions,
    role_includes,
    groups,
    group_members,
    assignments,
    grants,
    denied_tokens,
    signing_keys,
    setup_links,
    facts,
    fact_resources,
    outbox,
    passwords,
    sessions,
    interactions,
    consents,
    codes,
    refresh_families,
    refresh_tokens,
    throttles,
    pairwise_subjects,
    models,
    policies,
    resources,
    external_subjects,
    subject_attributes,
    edges,
    api_keys,
);
diesel::joinable!(fact_resources -> facts (fact_id));
diesel::joinable!(pairwise_subjects -> people (person_id));
diesel::joinable!(person_names -> people (person_id));
diesel::joinable!(client_resources -> clients (client_id));
diesel::joinable!(refresh_tokens -> refresh_families (family_id));
