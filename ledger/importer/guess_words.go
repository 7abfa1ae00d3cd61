package importer

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// A guessColumn is a column of a sample.
type guessColumn struct {
	header  string
	words   string // of the header, with a space before and after each
	values  []string
	empty   int
	twice   bool // another column has the same header
	numbers numbers
	dates   dates
}

// headerWords returns the words of a header in lower case, without accents, with a space
// before and after each: "InvoiceNo" is " invoice no ".
func headerWords(header string) string {
	var b strings.Builder
	b.WriteByte(' ')
	var last rune
	runes := []rune(norm.NFD.String(strings.ReplaceAll(header, "ß", "ss")))
	for i, c := range runes {
		switch {
		case unicode.Is(unicode.Mn, c):
			continue
		case !unicode.IsLetter(c) && !unicode.IsDigit(c):
			if b.Len() > 1 && last != ' ' {
				b.WriteByte(' ')
			}
			last = ' '
			continue
		case unicode.IsUpper(c) && (unicode.IsLower(last) || unicode.IsUpper(last) && i+1 < len(runes) && unicode.IsLower(runes[i+1])):
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(c))
		last = c
	}
	if last != ' ' {
		b.WriteByte(' ')
	}
	return b.String()
}

// is reports whether the header is one of the given words, has whether it has one.
func (c *guessColumn) is(any ...string) bool {
	return slices.Contains(any, strings.TrimSpace(c.words))
}

func (c *guessColumn) has(any ...string) bool {
	return slices.ContainsFunc(any, func(w string) bool { return strings.Contains(c.words, " "+w+" ") })
}

// score is how well the header fits words that are ordered by how well they do.
func (c *guessColumn) score(fitting []string) int {
	const inside = 4 // shorter words mean little within a header
	best := 0
	for rank, w := range fitting {
		switch padded := " " + w + " "; {
		case c.words == padded:
			best = max(best, 1000-rank)
		case len(w) >= inside && strings.Contains(c.words, padded):
			best = max(best, 500-rank-10*strings.Count(c.words, " "))
		}
	}
	return best
}

// A roleWords is a meaning of a column and the words for it in English, German, French,
// Spanish, Italian, Dutch and Portuguese, those that fit best first, in lower case
// and without accents.
type roleWords struct{ role, words string }

var roleTable = [...]roleWords{
	{"date", "date,datetime,date time,timestamp,time,trade time,payment date,booking date,transaction date,invoice date,completed date,when,at," +
		"datum,buchungstag,buchungsdatum,valutadatum,valuta,wertstellung,zeitpunkt,zeit,fecha,fecha operacion,fecha valor,hora,jour,date operation," +
		"data,data operazione,data contabile,boekdatum,tijd,dia,created,created at,unix timestamp,day"},
	{"from", "from,payer,sender,from account,source account,source name,debtor,debit account,ordering party,account from,organisational unit," +
		"department,directorate,body,von,zahler,absender,auftraggeber,sollkonto,de,payeur,expediteur,emetteur,compte debit,donneur d ordre," +
		"origen,ordenante,pagador,remitente,emisor,cuenta origen,da,mittente,pagatore,ordinante,van,betaler,afzender,rekening van,remetente,origem,unit,giver"},
	{"to", "to,payee,recipient,receiver,beneficiary,beneficiary name,benificiary name,to account,destination,destination name,destination account," +
		"target,creditor,credit account,account to,supplier,supplier name,vendor,merchant,an,empfanger,zahlungsempfanger,begunstigter,habenkonto,lieferant," +
		"a,vers,beneficiaire,destinataire,fournisseur,compte credit,para,destino,beneficiario,destinatario,proveedor,cuenta destino," +
		"fornitore,naar,ontvanger,begunstigde,rekening naar,leverancier,recebedor,favorecido,taker"},
	{"party", "counterparty,counter party,other party,partner,begunstigter zahlungspflichtiger,auftraggeber begunstigter,name zahlungsbeteiligter," +
		"contrepartie,tiers,contraparte,controparte,tegenpartij,naam tegenpartij,gegenpartei,payee payer,name description,name"},
	{"account", "account,account name,player,player name,user,user name,username,member,holder,owner,wallet,address,konto,kontoname,spieler,mitglied," +
		"compte,joueur,cuenta,jugador,usuario,conto,giocatore,utente,rekening,speler,lid,conta,jogador,person,name"},
	{"amount", "amount,token value,value,sum,net amount,gross amount,amount paid,money,paid,payment,betrag,summe,umsatz,wert,montant,somme,valeur," +
		"importe,monto,valor,cantidad,importo,somma,bedrag,valore,quantia,montante,quantity,total,total amount,amt"},
	{"total", "total,line total,total price,total amount,gesamt,gesamtpreis,gesamtbetrag,revenue,turnover,money,totale,totaal,prix total,precio total"},
	{"price", "unit price,price,price each,price per unit,einzelpreis,stuckpreis,preis,prix unitaire,prix,precio unitario,precio," +
		"prezzo unitario,prezzo,stukprijs,prijs,preco unitario,preco"},
	{"quantity", "quantity,qty,count,pieces,units,number of items,menge,anzahl,stuck,stuckzahl,quantite,qte,nombre,cantidad,unidades,aantal," +
		"quantita,pezzi,quantidade,item amount"},
	{"tax", "tax,vat,tax amount,sales tax,steuer,mwst,ust,tva,iva,btw,impuesto,imposto"},
	{"item", "item,stock code,sku,item id,item code,product code,product id,product,article,article number,material,item name,product name,artikel,artikelnummer," +
		"ware,produkt,produit,articulo,producto,prodotto,articolo,product naam,produto,good,goods"},
	{"item name", "item name,product name,product description,description,item description,title,artikelname,bezeichnung,produktname,designation," +
		"libelle,nombre producto,descripcion,descrizione,omschrijving,descricao"},
	{"seller", "seller,seller name,shop owner,shop,shop name,store,merchant,verkaufer,laden,vendeur,magasin,vendedor,tienda,venditore,negozio,verkoper,winkel,loja"},
	{"buyer", "buyer,buyer name,customer,customer id,customer name,client,purchaser,kunde,kundennummer,kaufer,acheteur,comprador,cliente,acquirente,koper,klant"},
	{"message", "message,note,notes,memo,description,details,comment,remark,subject,reference,purpose,reason,text,narrative," +
		"verwendungszweck,buchungstext,notiz,kommentar,beschreibung,zweck,bemerkung,betreff,libelle,motif,commentaire,communication,objet," +
		"concepto,descripcion,nota,comentario,causale,descrizione,note,omschrijving,mededeling,opmerking,historico,descricao,observacao"},
	{"source", "source,transaction type,type,category,kind of payment,plugin system,plugin,subsystem,channel,kategorie,art,typ,umsatzart,categorie,tipo,categoria,soort"},
	{"ref", "id,ref,transaction id,txn id,tx id,txid,tx hash,txhash,hash,journal id,payment id,transfer id,row id,entry id,uuid,guid," +
		"reference number,transaction number,transaction ref,transaction reference,belegnummer,belegnr,number,no,nr,numero,referenz,operation number"},
	{"group", "txnidx,txn idx,invoice,invoice no,invoice number,invoice id,order,order id,order no,receipt,receipt no,journal,journal id,entry,entry no,transaction,transaction id,txn id," +
		"tx guid,transaction number,rechnung,rechnungsnummer,belegnummer,buchungsnummer,facture,numero facture,factura,fattura,factuur,fatura"},
	{"currency", "currency,currency code,commodity,token symbol,wahrung,devise,moneda,divisa,valuta,munt,moeda,ccy"},
	{"debit", "debit,debit amount,soll,debito,cargo,adeudo,dare,af,withdrawal,money out,paid out,ausgabe,ausgaben,lastschrift,debet"},
	{"credit", "credit,credit amount,haben,credito,abono,avere,bij,deposit,money in,paid in,einnahme,einnahmen,gutschrift"},
	{"failed", "error,failed,failure,status"},
}

// wordsOf returns the words of a role.
func wordsOf(role string) []string {
	for _, r := range roleTable {
		if r.role == role {
			return strings.Split(r.words, ",")
		}
	}
	return nil
}

// notAmounts are words of headers of numbers that are no amounts.
var notAmounts = [...]string{
	"balance", "saldo", "solde", "kontostand", "before", "after", "fee", "gebuhr", "tax", "vat", "mwst", "tva", "iva", "foreign", "fremd", "native", "pc",
	"id", "no", "nr", "code", "rate", "kurs", "block", "blockno", "year", "month", "x", "y", "z", "usd value", "account", "konto", "type",
}
