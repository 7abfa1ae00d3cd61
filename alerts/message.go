package alerts

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// A Message is what a receiver gets, and as JSON what a webhook has.
type Message struct {
	ID      string    `json:"id"`      // the same however often it is sent
	Rule    string    `json:"rule"`    // its name
	Kind    Kind      `json:"kind"`    // what it watches
	Subject string    `json:"subject"` // the thing: a ref, or the name of an indicator or a source
	At      time.Time `json:"at"`
	Title   string    `json:"title"`
	Text    string    `json:"text"`
	URL     string    `json:"url"`     // of a page; empty where the site's address is not known
	Economy string    `json:"economy"` // its name
	Test    bool      `json:"test"`
}

// body returns the message in a receiver's form.
func (m Message) body(form Form) ([]byte, error) {
	switch form {
	case Discord:
		return json.Marshal(m.discord())
	case Slack:
		return json.Marshal(map[string]string{"text": m.slack()})
	}
	return json.Marshal(m)
}

type discordEmbed struct {
	Title       string    `json:"title"`
	Description string    `json:"description,omitempty"`
	URL         string    `json:"url,omitempty"`
	Timestamp   time.Time `json:"timestamp"`
}

type discordMessage struct {
	Embeds          []discordEmbed      `json:"embeds"`
	AllowedMentions map[string][]string `json:"allowed_mentions"`
}

// discord returns the message as Discord takes it. Whatever a name has in it mentions
// nobody, and is no markup.
func (m Message) discord() discordMessage {
	return discordMessage{
		Embeds:          []discordEmbed{{cut(markdown.Replace(m.Title), 256), cut(markdown.Replace(m.Text), 4000), m.URL, m.At}},
		AllowedMentions: map[string][]string{"parse": {}},
	}
}

var markdown = func() *strings.Replacer {
	var pairs []string
	for _, c := range "\\`*_~|>#[]()<@:-" {
		pairs = append(pairs, string(c), "\\"+string(c))
	}
	return strings.NewReplacer(pairs...)
}()

// slack returns the message as Slack takes it. A name in it can be neither a mention nor
// a link.
func (m Message) slack() string {
	text := strings.Join(nonEmpty(m.Title, m.Text), "\n")
	text = cut(slackEscapes.Replace(text), 3000)
	if m.URL != "" {
		text += "\n<" + m.URL + ">"
	}
	return text
}

var slackEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func nonEmpty(texts ...string) (all []string) {
	for _, t := range texts {
		if t != "" {
			all = append(all, t)
		}
	}
	return all
}

// cut returns at most so many bytes of a text, whole characters.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	const more = "…"
	end := most - len(more)
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + more
}

// TestMessage returns a message that tries out a rule, or a receiver.
func TestMessage(name, economy, url string, now time.Time) Message {
	return Message{ID: "test-" + fmt.Sprint(now.UnixMilli()), Rule: name, Kind: "test", At: now.UTC().Truncate(time.Second),
		Title: "A test of " + name, Text: "Alerts arrive here.", URL: url, Economy: economy, Test: true}
}
