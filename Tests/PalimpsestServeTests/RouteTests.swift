import HTTPTypes
import Testing

@testable import PalimpsestServe

@Suite("Paths and options")
struct RouteTests {
    @Test(
        "paths mean what they say",
        arguments: [
            ("/call/add", Route.call(snapshot: "default", function: "add")),
            ("/call/greet/add", .call(snapshot: "greet", function: "add")),
            ("/call/add?x=1", .call(snapshot: "default", function: "add")),
            ("/call/a%2Fb", .call(snapshot: "default", function: "a/b")),
            ("/call/%C3%A9", .call(snapshot: "default", function: "é")),
            ("/call/..", .call(snapshot: "default", function: "..")),
            ("/call/../health", .call(snapshot: "..", function: "health")),
            ("/call/x%00", .call(snapshot: "default", function: "x\0")),
            ("/call/", .call(snapshot: "default", function: "")),
            ("/call/add/", .call(snapshot: "add", function: "")),
            ("/functions", .functions(snapshot: nil)), ("/functions/a", .functions(snapshot: "a")),
            ("/health", .health), ("/ready", .ready), ("/metrics", .metrics), ("/%68ealth", .health),
        ])
    func paths(path: String, route: Route) throws { #expect(try Route(path: path) == route) }

    @Test(
        "anything else is nothing",
        arguments: [
            ("/", 404), ("/call", 404), ("//call/add", 404), ("/call/a/b/c", 404), ("/Health", 404), ("/health/", 404),
            ("/health/x", 404), ("", 400), ("*", 400), ("call/add", 400), ("http://x/call/add", 400), ("/call/%", 400),
            ("/call/%4", 400), ("/call/%zz", 400), ("/call/%ff", 400), ("/call/%ed%a0%80", 400), ("/call/é", 400),
            ("/call/a b", 400), ("/call/a#b", 400), ("/call/a\\b", 400), ("/call/\u{fffd}", 400),
        ])
    func otherPaths(path: String, status: Int) {
        #expect { try Route(path: path) } throws: { ($0 as? Problem)?.status.code == status }
    }

    @Test("a request's own time limit is bounded by the server's")
    func deadlines() throws {
        func limit(_ text: String?) throws -> Duration {
            var fields = HTTPFields()
            if let text { fields[try #require(HTTPField.Name(CallDeadline.field))] = text }
            return try CallDeadline.limit(fields, .seconds(5))
        }
        #expect(try limit(nil) == .seconds(5))
        #expect(try limit("250") == .milliseconds(250))
        #expect(try limit("5001") == .seconds(5))
        #expect(try limit("999999999999999999") == .seconds(5))
        for text in ["0", "-1", "1.5", "1s", "", " ", "٣", "9999999999999999999"] {
            #expect(throws: Problem.self) { try limit(text) }
        }
    }

    @Test("dates are HTTP's")
    func dates() {
        #expect(HTTPDate.text(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(HTTPDate.text(0) == "Thu, 01 Jan 1970 00:00:00 GMT")
    }

    @Test("pool sizes and named guests are read, and nothing else")
    func options() {
        #expect(CountRange(argument: "8")?.range == 8...8)
        #expect(CountRange(argument: "2-16")?.range == 2...16)
        for text in ["", "0", "-1", "3-2", "1-2-3", "x", "2-", "+1", "99999999999999999999"] {
            #expect(CountRange(argument: text) == nil, "\(text)")
        }
        #expect(NamedGuest(argument: "a=b:c=d") == NamedGuest(name: "a", guest: "b:c=d"))
        for text in ["", "a", "=b", "a=", "a/b=c", "ä=c", "a b=c", String(repeating: "a", count: 129) + "=b"] {
            #expect(NamedGuest(argument: text) == nil, "\(text)")
        }
    }

    @Test("a problem is what RFC 9457 says")
    func problem() {
        let problem = Problem.methodNotAllowed("PUT", allowed: [.post])
        #expect(
            problem.json.compact
                == #"{"type":"urn:palimpsest:problem:method-not-allowed","title":"The method is not allowed here","#
                + #""status":405,"detail":"Expected POST, found PUT."}"#)
        let answer = Answer(problem)
        #expect(answer.headers[.allow] == "POST")
        #expect(answer.headers[.contentType] == "application/problem+json")
    }
}
