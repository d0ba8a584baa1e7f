"""The words of names and cells, and what single words mean in several languages. Pure."""

import re
import unicodedata

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\W\d_]+")


def listed(text: str) -> frozenset[str]:
    """The words of a list that is divided by blanks."""
    return frozenset(text.split())


_YES = listed("1 yes y true t ja j si oui tak sim da on")
_NO = listed("0 no n false f nein non nie nao nee ne not off")
_LEFT = listed(
    "churn churned churner exited attrited attrition left leaver closed cancelled canceled lapsed lost gone quit "
    "terminated gekundigt kundigung abgewandert beendet baja abandono cancelado perdido perdu resilie parti perso "
    "disdetta opgezegd inactive"
)
_STAYED = listed(
    "existing retained stayed active current open loyal kept aktiv bestand bestandskunde activo actif fidele attivo "
    "actief geblieben ungekundigt"
)
_FIRST_NAMES = listed(
    "anna ben clara david emma finn hannah jonas lena lukas maria noah paul sofia thomas julia jose lucia james "
    "john robert michael william richard joseph charles christopher daniel matthew anthony mark donald steven "
    "andrew joshua kenneth kevin brian george edward ronald timothy jason jeffrey ryan jacob gary nicholas eric "
    "jonathan stephen larry justin scott brandon mary patricia jennifer linda elizabeth barbara susan jessica "
    "sarah karen lisa nancy betty margaret sandra ashley kimberly emily donna michelle carol amanda dorothy "
    "melissa deborah stephanie rebecca sharon laura cynthia kathleen amy angela shirley olivia liam oliver ava "
    "isabella mia charlotte amelia peter hans klaus jurgen wolfgang dieter manfred uwe bernd stefan andreas "
    "martin frank ralf jorg sabine monika petra renate ursula karin birgit heike susanne claudia katrin anja "
    "nicole katharina marie leonie max felix leon elias kathe bjorn soren muge renee jean pierre jacques louis "
    "francois claude alain nicolas julien antoine camille chloe manon lea ines louise antonio manuel juan carlos "
    "javier miguel pedro luis pablo sergio carmen isabel dolores pilar teresa ana marta elena raquel hugo mateo "
    "giovanni giuseppe marco luca francesco alessandro andrea giulia chiara francesca paola joao tiago rui "
    "beatriz mariana jan piotr krzysztof andrzej tomasz agnieszka katarzyna malgorzata ewa mohammed mohamed ahmed "
    "ali fatima aisha omar yusuf mehmet mustafa ayse fatma emre wei li ming priya rahul amit anita raj sunita "
    "henry alexander simon tim tom jack harry sophie alice grace lily lucas leo "
)
_SCALES = tuple(
    tuple(scale.split())
    for scale in (
        "very_low low medium high very_high",
        "none low moderate high severe",
        "small medium large xl xxl",
        "xs s m l xl xxl",
        "bronze silver gold platinum diamond",
        "basic standard premium",
        "poor fair good excellent",
        "bad average good",
        "never rarely sometimes often always",
        "daily weekly monthly quarterly yearly",
        "first second third fourth",
        "junior mid senior",
        "beginner intermediate advanced expert",
        "niedrig mittel hoch",
        "klein mittel gross",
        "bajo medio alto",
        "faible moyen eleve",
        "basso medio alto",
        "disagree neutral agree",
    )
)
_MIN_OF_SCALE = 3
MISSING_LIKE = listed("- -- --- ? . unknown n/a na none null missing unbekannt desconocido inconnu")


def folded(text: str) -> str:
    """The text without accents, its case kept."""
    spread = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return "".join(character for character in spread if not unicodedata.combining(character))


def words(name: str) -> frozenset[str]:
    """The words of a name, in lower case: "CustomerId" and "customer_id" have two."""
    return frozenset(word.lower() for word in _WORD.findall(folded(name)))


def joined(name: str) -> str:
    """A name's letters and digits, in lower case."""
    return "".join(character for character in folded(name).lower() if character.isalnum())


def says_left(value: str) -> int:
    """The greater, the rather a label's value says that a customer left; "not churned" says the opposite."""
    found = frozenset(word.lower() for word in re.findall(r"[^\W_]+", folded(value)))
    return bool(found & (_LEFT | _YES)) - 2 * bool(found & (_STAYED | _NO))


def tells_left(value: str) -> bool:
    """Whether a cell says in a word that a customer has left."""
    return bool(words(value) & _LEFT)


def is_yes_or_no(values: tuple[str, ...]) -> bool:
    """Whether two values are a yes and a no, or 1 and 0."""
    found = {folded(value).lower() for value in values}
    return len(values) == 2 and len(found & _YES) == 1 and len(found & _NO) == 1


def is_first_name(value: str) -> bool:
    """Whether a cell begins with a usual first name, and has at most two words more."""
    found = folded(value).lower().replace("-", " ").split()
    return 0 < len(found) <= 3 and found[0] in _FIRST_NAMES


def scale_of(values: tuple[str, ...]) -> tuple[str, ...]:
    """The values in their order, where all are steps of a scale that is known; else none."""
    steps = {folded(value).lower().replace(" ", "_").replace("-", "_"): value for value in values}
    if len(steps) < _MIN_OF_SCALE or len(steps) < len(values):
        return ()
    for scale in _SCALES:
        if steps.keys() <= set(scale):
            return tuple(steps[step] for step in scale if step in steps)
    return ()
