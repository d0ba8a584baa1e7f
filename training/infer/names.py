"""What a column's name says about what it is, in the languages that tables come in. Pure.

A name alone settles little: ``training.infer.infer`` asks the values, too. Accents and case make no difference.
"""

from enum import IntEnum

from training.infer.words import joined, listed, words

_PRIVATE = listed(
    "surname lastname firstname forename fullname username nickname initials email emails mail phone telephone tel "
    "mobile cellphone fax address street ssn passport iban birth birthdate birthday dob creditcard cardnumber taxid "
    "vorname nachname familienname rufname geburtsdatum geburtstag strasse hausnummer adresse anschrift telefon handy "
    "mobilnummer steuernummer nombre nombres apellido apellidos correo telefono direccion calle nacimiento dni "
    "prenom courriel naissance cognome indirizzo nascita sobrenome telefone endereco voornaam "
    "achternaam adres telefoon geboortedatum imie nazwisko ulica rue"
)
_PRIVATE_STEMS = ("telefon", "handynummer", "geburtsdat", "kundenname", "mailadress", "birthdate", "phonenumber")
_NEAR_A_PERSON = listed("latitude longitude gps geburtsjahr birthyear")
_BESIDE_PRIVATE = listed(
    "home work private personal primary secondary main billing mailing permanent current contact date day of the no nr "
    "number num de du la del line customer client user member person full first last middle family given second s e id "
    "kunde kunden kd datum fecha numero number1 number2 1 2 a b"
)
_NAMES = listed("name nome nom naam")
_PERSONS = listed(
    "customer customers client user member subscriber person patient policyholder first last full middle family given "
    "sur kunde kunden cliente klant"
)
_POSTCODES = listed("zip zipcode postcode postal plz postleitzahl cp postnummer pincode")

_NUMBERS = listed("id ids identifier number num no nr key ref guid uuid code numero nummer codigo codice cod uid")
_CODES = listed("id ids identifier code codes key codigo codice cod kennung")
_CUSTOMERS = listed(
    "customer customers cust client clients clientnum user member subscriber patient passenger employee player "
    "policyholder kunde kunden kd mitglied cliente clientes socio abonne klant lid klient msisdn"
)
_HOLDERS = listed("account acct policy contract card subscription konto vertrag vertrags contrato cuenta poliza compte")
_ID_NAMES = listed(
    "customerid clientid userid clientnum customernumber customerno memberid subscriberid custid kundennummer kundennr "
    "kundenid mitgliedsnummer idcliente clienteid numclient nclient ndeclient numeroclient numerodeclient klantnummer "
    "userkey employeenumber employeeid msisdn"
)
_HOLDER_NAMES = listed("accountid accountno accountnumber contractid policyid kontonummer vertragsnummer policynumber")
_OTHERS = listed(
    "branch product store shop region agent device plan campaign merchant category item zip group segment filiale "
    "snapshot record event transaction order invoice session observation obs entry visit log ticket case seq sequence "
    "trans txn"
)
_ROWS = listed("row rows rownumber rownum index idx unnamed line rowid zeile zeilennummer fila ligne lfd")

_CHURN = listed(
    "churn churned churner churners churning attrition attrited defected kundigung gekundigt kuendigung gekuendigt "
    "abwanderung abgewandert resiliation resilie desabonnement disdetta abbandono verloop opgezegd rezygnacja evasao "
    "baja abandono fuga"
)
_GONE = listed(
    "exited exit cancelled canceled cancellation lapsed leaver quit terminated cancelado cancelou dropout unsubscribed"
)
_WEAK_LABEL = listed("left target label outcome closed status y class result zielvariable objetivo")
_BESIDE_LABEL = listed(
    "flag label value values target is has yn ind indicator binary bool class y status customer client account user "
    "the next month months within a hat ist est in 30 60 90 12 m d days future will kunde kunden cliente of 0 1 type"
)
_STAYED_LABEL = listed("retained retention stayed renewed verlangert")

_TIME = listed(
    "snapshot asof observation observed event timestamp recorded reporting report reported cutoff stichtag stand corte "
    "stichdatum datetime logged captured measured scored"
)
_PLAIN_TIME = listed("date dates time dt datum fecha data month monat mes mois period ts moment day yearmonth yyyymm")
_MOMENT = listed("at ms epoch unix seen since on opened joined created updated modified until expiry renewal dob")
_START = listed(
    "join joined signup opened open start started since registration registered activation activated created creation "
    "first onboarding beginn beginndatum seit eroffnet alta inicio enrolled acquisition account member contract"
)
_LAST = listed("last latest recent letzte letzter ultima ultimo dernier updated modified login purchase order payment")
_NEXT = listed("next renewal expiry expiration expires due until valid ablauf vencimiento planned")
_END = listed(
    "close closed closing closure end ended termination terminated left leave leaving exit exited cancel cancelled "
    "canceled cancellation lapse lapsed quit departure ende austritt fin salida sortie"
)
_KNOWN = listed("label outcome resolved known")


class LabelName(IntEnum):
    """How surely a name is a label's; the greater, the surer."""

    NONE = 0
    AMONG_OTHERS = 5
    WEAK = 12
    WEAK_ALONE = 15
    WITH_A_FLAG = 30
    ALONE = 60


class TimeName(IntEnum):
    """What a name says of dates: that they are of the row as a whole, of something else, or nothing."""

    NEXT = -3
    START = -2
    LAST = -1
    NOTHING = 0
    PLAIN = 1
    OF_THE_ROW = 3


def names_private(name: str) -> int:
    """0: not about who a customer is; 1: a word among others is; 2: the name as a whole."""
    found, whole = words(name), joined(name)
    if whole in _PRIVATE or any(stem in whole for stem in _PRIVATE_STEMS):
        return 2
    if "name" in found or found & _NAMES:
        return 2 if len(found) == 1 or found <= _NAMES | _PERSONS | _BESIDE_PRIVATE else 0
    about = found & _PRIVATE or {"e", "mail"} <= found
    if not about:
        return int(bool(found & _NEAR_A_PERSON) or whole in _NEAR_A_PERSON)
    return 2 if found <= _PRIVATE | _BESIDE_PRIVATE else 1


def names_birth(name: str) -> bool:
    """Whether a date so named is of birth."""
    found, whole = words(name), joined(name)
    return bool(found & listed("birth birthdate birthday dob nacimiento naissance nascita")) or "geburt" in whole


def names_postcode(name: str) -> bool:
    """Whether numbers so named are postcodes."""
    return bool(words(name) & _POSTCODES) or joined(name) in _POSTCODES


def names_rows(name: str) -> bool:
    """Whether a column so named counts the rows."""
    return bool(words(name) & _ROWS) or joined(name) in _ROWS


def names_id(name: str) -> int:
    """0: not named as an id; 1: as one of something; 2: as an id; 3: of an account or a contract; 4: of a customer."""
    found, whole = words(name), joined(name)
    if "of" in found or "per" in found:
        return 0
    numbered = bool(found & _NUMBERS)
    if whole in _ID_NAMES or whole in _CUSTOMERS or (numbered and found & _CUSTOMERS):
        return 4
    if whole in _HOLDER_NAMES or (numbered and found & _HOLDERS):
        return 3
    if not numbered:
        return 0
    return 2 if not found & _OTHERS else 1


def names_code(name: str) -> bool:
    """Whether numbers so named stand for something rather than count it."""
    return bool(words(name) & _CODES)


def names_label(name: str) -> LabelName:
    """How surely a column so named tells who left."""
    found, whole = words(name), joined(name)
    surely = _CHURN | _GONE | _STAYED_LABEL
    if whole in surely:
        return LabelName.ALONE
    if found & surely:
        return LabelName.WITH_A_FLAG if found <= surely | _BESIDE_LABEL else LabelName.AMONG_OTHERS
    if whole in _WEAK_LABEL:
        return LabelName.WEAK_ALONE
    return LabelName.WEAK if found & _WEAK_LABEL and found <= _WEAK_LABEL | _BESIDE_LABEL else LabelName.NONE


def names_churn(name: str) -> bool:
    """Whether the name speaks of churn itself, so that the column comes after it or is a guess at it."""
    return bool(words(name) & _CHURN) or joined(name) in _CHURN


def names_stayed(name: str) -> bool:
    """Whether a label so named is 1 for those who stayed."""
    return bool(words(name) & _STAYED_LABEL)


def names_time(name: str) -> TimeName:
    """What a column of dates is of, by its name."""
    found, whole = words(name), joined(name)
    if found & _TIME or whole in _TIME or {"as", "of"} <= found:
        return TimeName.OF_THE_ROW
    for named, kind in ((_NEXT, TimeName.NEXT), (_START, TimeName.START), (_LAST, TimeName.LAST)):
        if found & named:
            return kind
    return TimeName.PLAIN if found & _PLAIN_TIME or whole in _PLAIN_TIME else TimeName.NOTHING


def names_known(name: str) -> bool:
    """Whether dates so named may be those at which labels were known, of all customers."""
    return bool(words(name) & (_CHURN | _GONE | _KNOWN))


def names_moment(name: str) -> bool:
    """Whether numbers so named may be moments."""
    found = words(name)
    return bool(found & (_TIME | _PLAIN_TIME | _MOMENT)) or {"as", "of"} <= found or names_label_time(name)


def names_label_time(name: str) -> bool:
    """Whether dates so named may be those of leaving, or of when it was known."""
    found = words(name)
    return bool(found & (_END | _CHURN | _GONE | _KNOWN)) or any(stem in joined(name) for stem in ("kundigung", "ende"))
