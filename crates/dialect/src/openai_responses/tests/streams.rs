//! Streams: the order of events as clients need it.

use mirk_model::{Call, Citation, Event, Failure, Finish, Origin, State, Text, Usage};
use serde_json::Value;

use super::{Manner, WIRE, events, manner, stream};

const CHOICE: u32 = 0;

fn start() -> Event<'static> {
    Event::Start {
        id: Text::default(),
        model: Text::default(),
        created: None,
        usage: None,
    }
}

fn text(text: &'static str) -> Event<'static> {
    let (choice, text) = (CHOICE, Text::from(text));
    Event::Text { choice, text }
}

fn thinking(text: &'static str) -> Event<'static> {
    let (choice, text) = (CHOICE, Text::from(text));
    Event::Thinking { choice, text }
}

fn state(origin: Origin) -> Event<'static> {
    Event::ThinkingState {
        choice: CHOICE,
        id: None,
        state: State {
            origin,
            data: Text::from("sig"),
        },
    }
}

fn call(call: u32, is_custom: bool) -> Event<'static> {
    Event::Call {
        choice: CHOICE,
        call,
        begun: Call {
            id: Text::from(format!("c{call}")),
            name: Text::from("f"),
            namespace: Some(Text::from("n")),
            arguments: Text::default(),
            is_custom,
            state: None,
        },
    }
}

fn arguments(call: u32, text: &'static str) -> Event<'static> {
    let (choice, text) = (CHOICE, Text::from(text));
    Event::Arguments { choice, call, text }
}

fn end_call(call: u32) -> Event<'static> {
    let choice = CHOICE;
    Event::CallEnd { choice, call }
}

fn finish(finish: Finish) -> Event<'static> {
    Event::Finish {
        choice: CHOICE,
        finish,
        stop: None,
    }
}

fn kinds(frames: &[(String, String)]) -> Vec<&str> {
    frames
        .iter()
        .map(|(kind, _)| kind.strip_prefix("response.").unwrap_or(kind))
        .collect()
}

fn data(frames: &[(String, String)]) -> Vec<Value> {
    frames
        .iter()
        .map(|(_, data)| serde_json::from_str(data).unwrap())
        .collect()
}

#[test]
fn t23_events_come_in_the_order_that_codex_needs() {
    let frames = stream(
        &[
            start(),
            thinking("h"),
            thinking("m"),
            state(Origin::Anthropic),
            Event::Break { choice: CHOICE },
            text("a"),
            text(""),
            text("b"),
            call(0, false),
            arguments(0, "{}"),
            end_call(0),
            finish(Finish::Calls),
            Event::Usage(Usage {
                input: 1,
                counted: mirk_model::Counted::Reported,
                ..Usage::default()
            }),
            Event::End,
        ],
        &manner(),
    );
    assert_eq!(
        kinds(&frames),
        [
            "created",
            "in_progress",
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "output_item.done",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "output_item.added",
            "function_call_arguments.delta",
            "function_call_arguments.done",
            "output_item.done",
            "completed",
        ]
    );
    let data = data(&frames);
    let last = &data[20]["response"];
    assert_eq!(last["status"], "completed");
    assert_eq!(last["usage"]["input_tokens"], 1);
    assert_eq!(last["output"].as_array().unwrap().len(), 3);
    assert_eq!(last["output"][1]["content"][0]["text"], "ab");
    assert_eq!(data[0]["response"]["status"], "in_progress");
}

#[test]
fn the_id_of_an_item_is_the_same_from_its_beginning_to_the_end() {
    let frames = stream(
        &[
            start(),
            text("a"),
            call(0, false),
            arguments(0, "{"),
            call(1, true),
            arguments(1, "x"),
            arguments(0, "}"),
            end_call(1),
            end_call(0),
            finish(Finish::Calls),
            Event::End,
        ],
        &manner(),
    );
    let data = data(&frames);
    let output = &data.last().unwrap()["response"]["output"];
    for event in &data {
        let Some(place) = event["output_index"].as_u64() else {
            continue;
        };
        let id = &output[usize::try_from(place).unwrap()]["id"];
        let own = event.get("item_id").unwrap_or(&event["item"]["id"]);
        assert_eq!(own, id);
    }
    assert_eq!(output[1]["arguments"], "{}");
    assert_eq!(output[2]["input"], "x");
    assert_eq!(output[2]["namespace"], "n");
}

#[test]
fn t27_each_event_goes_out_before_the_next_comes_in() {
    let mut writer = (WIRE.writer)(&manner());
    for event in [
        start(),
        thinking("a"),
        text("b"),
        call(0, false),
        arguments(0, "{"),
    ] {
        let mut out = Vec::new();
        writer.event(&event, &mut out);
        assert!(out.ends_with(b"\n\n"));
    }
}

#[test]
fn thoughts_that_are_hidden_leave_only_their_states() {
    let hidden = Manner {
        shows_thinking: false,
        ..manner()
    };
    let written = [
        start(),
        thinking("secret"),
        state(Origin::Anthropic),
        text("a"),
        finish(Finish::Stop),
        Event::End,
    ];
    let frames = stream(&written, &hidden);
    assert!(frames.iter().all(|(_, data)| !data.contains("secret")));
    let item = &data(&frames)[3]["item"];
    assert_eq!(item["type"], "reasoning");
    assert!(item["encrypted_content"].is_string());
}

#[test]
fn t18_a_stream_that_was_cut_by_a_limit_ends_incomplete() {
    let frames = stream(
        &[start(), text("a"), finish(Finish::Length), Event::End],
        &manner(),
    );
    assert_eq!(kinds(&frames).last(), Some(&"incomplete"));
    let data = data(&frames);
    let response = &data.last().unwrap()["response"];
    assert_eq!(
        response["incomplete_details"]["reason"],
        "max_output_tokens"
    );
    assert_eq!(response["output"][0]["status"], "incomplete");
}

#[test]
fn t21_a_failure_is_told_twice_and_never_ends_well() {
    let failure = Event::Error(Failure {
        status: 429,
        code: Text::default(),
        message: Text::from("slow down"),
        param: None,
    });
    for before in [vec![], vec![start(), text("a")]] {
        let frames = stream(&[before, vec![failure.clone()]].concat(), &manner());
        let kinds = kinds(&frames);
        assert_eq!(kinds[kinds.len() - 2..], ["error", "failed"]);
        let data = data(&frames);
        let error = &data[data.len() - 2];
        assert_eq!(error["code"], "rate_limit_exceeded");
        assert_eq!(error["error"]["type"], "rate_limit_error");
        assert_eq!(error["message"], "slow down");
        assert!(error["param"].is_null());
        let response = &data[data.len() - 1]["response"];
        assert_eq!(response["status"], "failed");
        assert_eq!(response["error"]["code"], "rate_limit_exceeded");
    }
}

#[test]
fn strm11_text_that_looks_like_the_end_is_text() {
    let said = "x\n\ndata: [DONE]\n\nevent: error\ndata: {}\u{0}";
    let frames = stream(
        &[start(), text(said), finish(Finish::Stop), Event::End],
        &manner(),
    );
    let data: Vec<_> = frames.iter().map(|(_, data)| data.as_str()).collect();
    assert!(events(&data).unwrap().contains(&text(said)));
}

#[test]
fn sources_and_probabilities_belong_to_the_text_before_them() {
    let citation = Citation {
        url: Some(Text::from("https://e.x")),
        ..Citation::default()
    };
    let choice = CHOICE;
    let nowhere = Citation::default();
    let frames = stream(
        &[
            start(),
            text("a"),
            Event::Citation { choice, citation },
            Event::Citation {
                choice,
                citation: nowhere,
            },
            finish(Finish::Stop),
            Event::End,
        ],
        &manner(),
    );
    let data = data(&frames);
    assert_eq!(data[5]["type"], "response.output_text.annotation.added");
    assert_eq!(data[5]["annotation"]["url"], "https://e.x");
    let part = &data.last().unwrap()["response"]["output"][0]["content"][0];
    assert_eq!(part["annotations"].as_array().unwrap().len(), 1);
}
