package web

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"exchequer/internal/sample"
	"exchequer/internal/testkit"
)

// paste sends a list by the form.
func paste(t *testing.T, site *httptest.Server, list string) (*http.Response, string) {
	t.Helper()
	return postForm(t, site, url.Values{"list": {list}}.Encode(), "application/x-www-form-urlencoded")
}

func postForm(t *testing.T, site *httptest.Server, body, contentType string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, site.URL+"/appraise", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return send(t, r, "Content-Type", contentType, "Origin", site.URL, "Accept", "text/html")
}

func TestAPastedListLeadsToItsAddressAndIsValuedThere(t *testing.T) {
	site := sampled(sample.Town(30)).start(t)
	r, _ := paste(t, site, "64 diamonds\r\n\r\n# for the wall\r\nItem 1\t1,000\r\nITEM-4\r\n5 item_1\r\nDiamnod x3\r\nitem 7 2\r\n0 item 3\r\n")
	const want = "/appraise?i=ada:64~item1:1005~item4:1~Diamnod:3~item+7:2~item+3:0"
	if r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != want || r.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("status %d to %q, want 303 to %q", r.StatusCode, r.Header.Get("Location"), want)
	}
	_, body := ask(t, http.MethodGet, site.URL+want, "Accept", "text/html")
	doc := parse(t, body)
	keepsToThePolicy(t, "appraisal", body)
	rows := doc.Find(".appraised tbody tr")
	for n, texts := range [][]string{
		{"Diamond", "64", "none", "₤12.80", "guess", "39 sales in 7 d, 3 h ago", "—", "₤819.20"},
		{"Item 1", "1,005", "₤19.20", "only 7", "2 h ago", "none", "thin", "₤19,296.00"},
		{"Item 4", "1", "₤7.68", "5 h ago", "₤6.00", "1 min ago", "thin"},
	} {
		text := strings.ReplaceAll(rows.Eq(n).Text(), "\u00a0", " ")
		for _, want := range texts {
			if !strings.Contains(text, want) {
				t.Errorf("row %d lacks %q: %q", n, want, text)
			}
		}
		if href := rows.Eq(n).Find("th a").AttrOr("href", ""); !strings.HasPrefix(href, "/market/items/") {
			t.Errorf("row %d leads to %q", n, href)
		}
	}
	if rows.Length() != 3 {
		t.Errorf("%d rows, want 3", rows.Length())
	}
	wrong := doc.Find(".wrong li")
	for n, texts := range [][]string{{"Diamnod × 3", "No item has this name.", "Diamond"}, {"item 7 × 2", "Several items have this name.", "Item 7 (item7)", "Item 7 (item8)"}, {"Item 3 × 0", "The amount is zero."}} {
		text := strings.Join(strings.Fields(wrong.Eq(n).Text()), " ")
		for _, want := range texts {
			if !strings.Contains(text, want) {
				t.Errorf("wrong line %d lacks %q: %q", n, want, text)
			}
		}
	}
	if got := wrong.Eq(0).Find("a").First().AttrOr("href", ""); got != strings.Replace(want, "Diamnod", "ada", 1) {
		t.Errorf("the suggestion leads to %q", got)
	}
	if got := wrong.Eq(1).Find("a").Eq(1).AttrOr("href", ""); got != strings.Replace(want, "item+7", "item8", 1) {
		t.Errorf("the second item of one name leads to %q", got)
	}
	sums := doc.Find(".worth .why").Map(func(_ int, s *goquery.Selection) string { return s.Text() })
	if len(sums) != 4 || sums[1] != "without Diamond, Diamnod, item 7 and 1 more" || sums[3] != "without Diamnod, item 7, Item 3" {
		t.Errorf("what the sums leave out: %q", sums)
	}
	if text := doc.Find("textarea#copy[readonly]").Text(); !strings.Contains(text, "64 × Diamond: buy —, sell —, median ₤819.20\n") || !strings.Contains(text, "Diamnod × 3: No item has this name.") {
		t.Errorf("the text to copy is %q", text)
	}
	again, _ := paste(t, site, doc.Find("textarea#list").Text())
	if again.Header.Get("Location") != want {
		t.Errorf("the list in the form leads to %q, want where it came from", again.Header.Get("Location"))
	}
	contains(t, doc.Find("#value .tools").Text(), "csv")
	for _, suffix := range []string{".csv", ".json", ""} {
		if doc.Find(`#value .tools a[href="`+strings.Replace(want, "/appraise", "/appraise/value"+suffix, 1)+`"]`).Length() != 1 {
			t.Errorf("no link to the file %q of this list", suffix)
		}
	}
	warm, _ := ask(t, http.MethodGet, site.URL+want, "Accept", "text/html", "If-None-Match", `W/"x"`)
	if warm.StatusCode != http.StatusOK || warm.Header.Get("Etag") == "" {
		t.Errorf("status %d, tag %q", warm.StatusCode, warm.Header.Get("Etag"))
	}
	if same, _ := ask(t, http.MethodGet, site.URL+want, "Accept", "text/html", "If-None-Match", warm.Header.Get("Etag")); same.StatusCode != http.StatusNotModified {
		t.Errorf("the same page again: status %d", same.StatusCode)
	}
}

func TestAnAppraisalHasItsFiles(t *testing.T) {
	site := sampled(sample.Town(30)).start(t)
	const list = "?i=ada:64~nothing:2~=cmd():1"
	r, body := ask(t, http.MethodGet, site.URL+"/appraise/value.csv"+list)
	if got := r.Header.Get("Content-Disposition"); !strings.HasPrefix(got, `attachment; filename="appraise-value-`) || len(got) > 80 {
		t.Errorf("the file is called %q", got)
	}
	rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil || len(rows) != 4 || rows[1][0] != "Diamond" || rows[1][3] != "64" || rows[1][15] != "819.20" || rows[2][16] != "No item has this name." || rows[3][0] != "'=cmd()" {
		t.Errorf("rows %q, %v", rows, err)
	}
	var d struct {
		Parameters map[string]string
		Value      struct {
			Lines []struct {
				ID, Problem string
				AtMedian    *int64
			}
			Median struct {
				Sum, Lines int64
				LeftOut    []string
			}
		}
	}
	_, body = ask(t, http.MethodGet, site.URL+"/appraise/value.json"+list)
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		t.Fatal(err)
	}
	if d.Parameters["i"] != "ada:64~nothing:2~=cmd():1" || len(d.Value.Lines) != 3 || d.Value.Lines[0].ID != "ada" || *d.Value.Lines[0].AtMedian != 819_20 || d.Value.Lines[1].Problem != "unknown" ||
		d.Value.Median.Sum != 819_20 || d.Value.Median.Lines != 1 || len(d.Value.Median.LeftOut) != 2 {
		t.Errorf("the document is %s", body)
	}
}

func TestAListThatIsTooLongForItsAddressIsValuedAllTheSame(t *testing.T) {
	site := sampled(sample.Town(30)).start(t)
	list := "64 diamond\n"
	for n := range 400 {
		list += fmt.Sprintf("some name that nobody has ever heard of %d\t%d\n", n, n+1)
	}
	r, body := paste(t, site, list)
	doc := parse(t, body)
	if r.StatusCode != http.StatusOK || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("status %d, header %v", r.StatusCode, r.Header)
	}
	contains(t, body, "This list is too long for an address", "₤819.20", "of 401\u00a0lines")
	keepsToThePolicy(t, "unaddressed", body)
	if doc.Find(".wrong li").Length() != 400 || doc.Find(".wrong a").Length() > 0 || doc.Find("#value .tools").Length() > 0 || doc.Find("#folio").AttrOr("data-window", "") != "" {
		t.Error("a page without an address leads to one of its list, or is asked for again")
	}
}

func TestAListThatIsRefusedSaysWhy(t *testing.T) {
	tn := sampled(sample.Town(30))
	var log testkit.Buffer
	tn.log = &log
	site := tn.start(t)
	refused := func(what string, r *http.Response, body string, status int, text string) {
		t.Helper()
		if r.StatusCode != status || !strings.Contains(body, text) {
			t.Errorf("%s: status %d, want %d and %q in:\n%.600s", what, r.StatusCode, status, text, body)
		}
	}
	r, body := paste(t, site, strings.Repeat("diamond\n", 501))
	refused("501 lines", r, body, http.StatusUnprocessableEntity, "more than 500 lines")
	if r, _ := paste(t, site, strings.Repeat("diamond\n\n# x\n", 500)); r.Header.Get("Location") != "/appraise?i=ada:500" {
		t.Errorf("500 lines: status %d to %q", r.StatusCode, r.Header.Get("Location"))
	}
	r, body = paste(t, site, strings.Repeat("x", 1<<20))
	refused("1 MiB", r, body, http.StatusRequestEntityTooLarge, "longer than 64 KB")
	r, body = postForm(t, site, `{"list": "diamond"}`, "application/json")
	refused("another kind of body", r, body, http.StatusBadRequest, "could not be understood")
	r, body = postForm(t, site, "list=%zz", "application/x-www-form-urlencoded")
	refused("a broken body", r, body, http.StatusBadRequest, "could not be understood")
	for _, path := range []string{"/appraise", "/appraise/value", "/appraise/value.json", "/appraise/value.csv", "/appraise/value.meta.json"} {
		r, body := ask(t, http.MethodGet, site.URL+path+"?i="+strings.Repeat("diamond:64~", 9<<10/11), "Accept", "text/html")
		text := "more than 8 KB"
		refused("9 KB to "+path, r, body, http.StatusRequestURITooLong, text)
		r, body = ask(t, http.MethodGet, site.URL+path+"?i="+strings.Repeat("x:1~", 501), "Accept", "text/html")
		refused("501 entries to "+path, r, body, http.StatusUnprocessableEntity, "more than 500 lines")
	}
	foreign, err := http.NewRequestWithContext(t.Context(), http.MethodPost, site.URL+"/appraise", strings.NewReader("list=diamond"))
	if err != nil {
		t.Fatal(err)
	}
	if r, _ := send(t, foreign, "Content-Type", "application/x-www-form-urlencoded", "Origin", "https://elsewhere.test"); r.StatusCode != http.StatusForbidden {
		t.Errorf("a form of another site: status %d", r.StatusCode)
	}
	if strings.Contains(log.String(), `"level":"ERROR"`) {
		t.Errorf("a refused list is an error in the log: %s", log.String())
	}
}

func TestNamesOfAListCannotBecomeMarkup(t *testing.T) {
	e := sample.Town(30)
	const hostile = `</textarea><script>alert(1)</script>"'&~%7E`
	e.Prices.Items[3].Name = hostile
	e.Prices.Items[3].ID = hostile
	site := sampled(e).start(t)
	r, _ := paste(t, site, "2 "+hostile+"\n3 </textarea><img src=x onerror=1>\n4 \u202eevil\u0000\n5 javascript:alert(1)")
	_, body := ask(t, http.MethodGet, site.URL+r.Header.Get("Location"), "Accept", "text/html")
	doc := parse(t, body)
	if n := doc.Find("script:not([src]), img, [onerror]").Length(); n > 0 {
		t.Errorf("%d elements came from names", n)
	}
	if got := doc.Find(".appraised th .name").Text(); got != hostile {
		t.Errorf("the item is called %q", got)
	}
	if got := doc.Find(".wrong li").Length(); got != 3 {
		t.Errorf("%d lines are wrong, want 3", got)
	}
	if again, _ := paste(t, site, doc.Find("textarea#list").Text()); again.Header.Get("Location") != r.Header.Get("Location") {
		t.Errorf("pasted again: %q, was %q", again.Header.Get("Location"), r.Header.Get("Location"))
	}
}

func TestTheStartOfAnAppraisalHasAnExample(t *testing.T) {
	site := sampled(sample.Town(30)).start(t)
	_, body := ask(t, http.MethodGet, site.URL+"/appraise", "Accept", "text/html")
	href := parse(t, body).Find("#value .place a").AttrOr("href", "")
	if !strings.HasPrefix(href, "/appraise?i=item") {
		t.Fatalf("the example leads to %q", href)
	}
	_, body = ask(t, http.MethodGet, site.URL+href, "Accept", "text/html")
	if doc := parse(t, body); doc.Find(".appraised tbody tr").Length() != 5 || doc.Find(".wrong").Length() > 0 {
		t.Error("the example has not five lines, or something is wrong with one")
	}
}
